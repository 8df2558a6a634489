import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSUMED } from '../support/assumed.ts';
import { writeLargePipeline } from '../support/large-pipeline.ts';
import { type Outcome, outcomeOf } from './support/outcome.ts';
import { COUNTED, endAfter } from './support/written-bytes.ts';

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

function convert(out: string, threads: string, env: Record<string, string> = {}): Promise<Outcome> {
  const args = [BIN, 'convert', join(work, 'pipeline'), '--out', join(work, out), '--dtype', 'q4m', '--json'];
  return outcomeOf(
    spawn(process.execPath, [...COUNTED, ...args, '--threads', threads], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    }),
  );
}

describe('convert --threads', () => {
  it('writes the same bundle with one and with two, and ends', async () => {
    expect(await convert('one', '1')).toEqual({ code: 0, stdout: '', stderr: ASSUMED });
    expect(await convert('two', '2')).toEqual({ code: 0, stdout: '', stderr: ASSUMED });
    // The manifest lists the hash of every file.
    const manifest = (out: string) => readFile(join(work, out, 'manifest.json'), 'utf8');
    expect(await manifest('two')).toBe(await manifest('one'));
  });

  it('ends when it is stopped, with the status of that', async () => {
    expect(await convert('stopped', '2', endAfter(1e6, 'SIGINT'))).toMatchObject({ code: 130 });
  });

  it.each(['0', '257', 'two'])('refuses %s', async (threads) => {
    const { code, stderr } = await convert('refused', threads);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: input\/(out-of-range|type): --threads must be /);
  });

  it('ends with the error of a damaged checkpoint', async () => {
    const file = await open(transformer, 'r+');
    // The last matrix and the bias after it. As bf16, all ones are NaN.
    const { size } = await stat(transformer);
    await file.write(new Uint8Array(1024).fill(0xff), 0, 1024, size - 1024);
    await file.close();
    const { code, stderr } = await convert('damaged', '2');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^assumed: .*\nerror: format\/value-invalid: /);
  });
});
