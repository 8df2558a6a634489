import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSUMED } from '../support/assumed.ts';
import { writeLargePipeline } from '../support/large-pipeline.ts';
import { outcomeOf } from './support/outcome.ts';

/**
 * `convert --threads` on matrices large enough for threads. Oracle: the bundle that one thread
 * makes. A thread that is left would keep the process from ending.
 */

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));
const HIDDEN = 512;

let work: string;
let transformer: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-threads-'));
  transformer = await writeLargePipeline(join(work, 'pipeline'), 1, HIDDEN);
});
afterAll(() => rm(work, { recursive: true, force: true }));

function start(out: string, threads: string) {
  const args = [BIN, 'convert', join(work, 'pipeline'), '--out', join(work, out), '--dtype', 'q4m', '--json'];
  const child = spawn(process.execPath, [...args, '--threads', threads], { stdio: ['ignore', 'ignore', 'pipe'] });
  return { child, ended: outcomeOf(child) };
}

describe('convert --threads', () => {
  it('writes the same bundle with one and with two, and ends', async () => {
    expect(await start('one', '1').ended).toEqual({ code: 0, stdout: '', stderr: ASSUMED });
    expect(await start('two', '2').ended).toEqual({ code: 0, stdout: '', stderr: ASSUMED });
    // The manifest lists the hash of every file.
    const manifest = (out: string) => readFile(join(work, out, 'manifest.json'), 'utf8');
    expect(await manifest('two')).toBe(await manifest('one'));
  });

  it('ends when it is stopped, with the status of that', async () => {
    const { child, ended } = start('stopped', '2');
    while (!existsSync(join(work, 'stopped.partial', 'bundle'))) await sleep(2);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130 });
  });

  it.each(['0', '257', 'two'])('refuses %s', async (threads) => {
    const { code, stderr } = await start('refused', threads).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: input\/(out-of-range|type): --threads must be /);
  });

  it('ends with the error of a damaged checkpoint', async () => {
    const file = await open(transformer, 'r+');
    // The last matrix and the bias after it. As bf16, all ones are NaN.
    const { size } = await stat(transformer);
    await file.write(new Uint8Array(1024).fill(0xff), 0, 1024, size - 1024);
    await file.close();
    const { code, stderr } = await start('damaged', '2').ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^assumed: .*\nerror: format\/value-invalid: /);
  });
});
