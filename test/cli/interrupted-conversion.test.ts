import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFluxError } from '@flux-srpo/core';
import { inspectBundle } from '@flux-srpo/export';
import { pipelineFolder } from '@flux-srpo/export/node';
import { sha256Hex } from '@flux-srpo/formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSUMED } from '../support/assumed.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { writeFiles } from '../support/write-files.ts';
import { type Outcome, outcomeOf } from './support/outcome.ts';
import { COUNTED, countedAt, countTo, endAfter, spreadShares } from './support/written-bytes.ts';

/**
 * Conversions are killed and run again, as a user would. Oracle: the bundle of an undisturbed
 * conversion, byte for byte.
 */

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));
const KILLS = process.env.TEST_FULL ? 20 : 4;

let work: string;
let source: string;
let expected: Map<string, string>;
/** Bytes that a conversion writes, those of its journal too. */
let total: number;

const at = (...path: string[]) => join(work, ...path);
const convert = (out: string, env: Record<string, string> = {}): Promise<Outcome> => {
  const args = [...COUNTED, BIN, 'convert', source, '--out', at(out), '--dtype', 'q8', '--json'];
  return outcomeOf(spawn(process.execPath, args, { env: { ...process.env, ...env } }));
};

/** Path → SHA-256 of every file. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = paths
    .sort()
    .map(async (path) => [path.slice(folder.length + 1), await sha256Hex(await readFile(path))] as const);
  return new Map(await Promise.all(files));
}

/** Asserts that a folder which opens as a bundle has the bytes that its manifest says. */
async function assertSound(folder: string): Promise<void> {
  if (!existsSync(join(folder, 'manifest.json'))) return;
  // A manifest that is cut off opens nothing.
  const report = await inspectBundle(pipelineFolder(folder), { verify: true }).catch((error: unknown) => {
    if (!isFluxError(error, 'model/manifest-invalid')) throw error;
  });
  if (report) expect(new Set(Object.values(report.files!))).toEqual(new Set(['ok']));
}

beforeAll(async () => {
  // In memory where the system has such a folder: this test waits for hundreds of files to reach
  // the disk.
  work = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'flux-srpo-interrupted-'));
  source = at('pipeline');
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  await writeFiles(source, await synthesizeFolder(readNodeFixture, fixture));
  expect(await convert('undisturbed', countTo(at('bytes')))).toMatchObject({ code: 0, stderr: ASSUMED });
  total = await countedAt(at('bytes'));
  expected = await filesOf(at('undisturbed'));
});

afterAll(() => rm(work, { recursive: true, force: true }));

describe('a conversion that is killed', () => {
  const found: number[] = [];

  it.each(spreadShares(KILLS))('at %f of its bytes: goes on to the same ones when it is run again', async (share) => {
    const out = `killed-${share}`;
    expect((await convert(out, endAfter(share * total, 'SIGKILL'))).code).toBe(null);
    await assertSound(at(out));
    await assertSound(at(`${out}.partial`, 'bundle'));
    const { code, stdout } = await convert(out);
    expect(code).toBe(0);
    found.push(JSON.parse(stdout).found);
    expect(await filesOf(at(out))).toEqual(expected);
    expect((await readdir(work)).filter((name) => name.startsWith(out))).toEqual([out]);
  });

  it('had, in some of these cases, finished parts that were taken up', () => {
    expect(Math.max(...found)).toBeGreaterThan(0);
  });
});

describe('a conversion that is stopped with Ctrl-C', () => {
  it('says where its work is, exits 130, and the next one takes it up', async () => {
    const { code, stderr } = await convert('stopped', endAfter(total / 2, 'SIGINT'));
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /^assumed: .*\nwhat is done is kept in .*stopped\.partial; run the same command to go on from there\nstopped\n$/,
    );
    expect(existsSync(at('stopped'))).toBe(false);
    const second = await convert('stopped');
    expect(second.stderr).toMatch(/^assumed: .*\ngoing on with the interrupted conversion/);
    expect(JSON.parse(second.stdout).found).toBeGreaterThanOrEqual(2);
    expect(await filesOf(at('stopped'))).toEqual(expected);
  });
});

/** A disk of one megabyte: mounted in a namespace of its own, which not every machine allows. */
const SMALL_DISK = (script: string) => ['--user', '--map-root-user', '--mount', 'sh', '-ec', script];
const hasNamespaces = spawnSync('unshare', SMALL_DISK('mount -t tmpfs none /mnt')).status === 0;

describe.skipIf(!hasNamespaces)('a conversion onto a disk that is full (skipped where unshare may not mount)', () => {
  it('says so, leaves no bundle, and goes on once there is room', async () => {
    const disk = at('disk');
    await mkdir(disk);
    const command = [process.execPath, BIN, 'convert', source, '--out', join(disk, 'out'), '--dtype', 'q8'];
    const quoted = command.map((word) => `'${word}'`).join(' ');
    const script = `
      mount -t tmpfs -o size=1m none '${disk}'
      ${quoted} && exit 1
      test ! -e '${disk}/out'
      mount -o remount,size=64m '${disk}'
      ${quoted}
      cp -r '${disk}/out' '${at('from-disk')}'`;
    const { code, stderr } = await outcomeOf(spawn('unshare', SMALL_DISK(script)));
    expect(stderr).toMatch(/error: storage\/quota-exceeded: .*the disk is full/);
    expect(stderr).toMatch(/going on with the interrupted conversion/);
    expect(code).toBe(0);
    expect(await filesOf(at('from-disk'))).toEqual(expected);
  });
});
