import { type ExecFileException, execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSUMED } from '../support/assumed.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { writeLargePipeline } from '../support/large-pipeline.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { installPacked, workspaceCopy } from '../support/packed.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { writeFiles } from '../support/write-files.ts';

/**
 * The tarball's command line in a folder with nothing else in it. Oracle: the workspace's own
 * command line, which other tests hold to diffusers.
 */

const WORKSPACE = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));

interface Outcome {
  code: ExecFileException['code'] | 0;
  stdout: string;
  stderr: string;
}

let app: string;
let packed: string;
beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'flux-srpo-packed-cli-'));
  packed = join(app, 'node_modules/flux-srpo/dist/cli/main.js');
  await installPacked(app, []);
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  await writeFiles(join(app, 'pipeline'), await synthesizeFolder(readNodeFixture, fixture));
});
afterAll(() => rm(app, { recursive: true, force: true }));

function run(script: string, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { cwd: app }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const GENERATE = ['generate', '--model', 'bundle', '--prompt', 'a red house', '--size', '48x32', '--steps', '2'];
const SETTINGS = ['--seed', '7', '--max-sequence-length', '24'];

describe('the packed command line', () => {
  it('helps as the workspace’s does', async () => {
    for (const args of [['--help'], ['convert', '--help'], ['serve', '--help']]) {
      const outcome = await run(packed, ...args);
      expect(outcome).toEqual(await run(WORKSPACE, ...args));
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
    }
  });

  it('names its version', async () => {
    const { version } = JSON.parse(await readFile(join(app, 'node_modules/flux-srpo/package.json'), 'utf8'));
    for (const script of [packed, WORKSPACE])
      expect(await run(script, '--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it('says which Node it needs before it imports anything', async () => {
    // An older Node, as far as a script can tell.
    const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });";
    const preload = `data:text/javascript,${encodeURIComponent(old)}`;
    const outcome = await new Promise((resolve) => {
      execFile(process.execPath, ['--import', preload, packed, '--help'], (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });
    expect(outcome).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('needs Node 20.19 or later, this is 18.20.8'),
    });
    // What runs first has no import that could fail.
    expect(await readFile(packed, 'utf8')).not.toMatch(/(?:^|;)import[^(]/m);
  });

  it('starts by its name', async () => {
    const start = await readFile(packed, 'utf8');
    expect(start.startsWith('#!/usr/bin/env node\n')).toBe(true);
    const { bin } = JSON.parse(await readFile(join(app, 'node_modules/flux-srpo/package.json'), 'utf8'));
    expect(join(app, 'node_modules/flux-srpo', bin['flux-srpo'])).toBe(packed);
  });

  it('converts, inspects and plans with nothing else installed', async () => {
    const options = ['--dtype', 'q8', '--json'];
    expect(await run(packed, 'convert', 'pipeline', '--out', 'bundle', ...options)).toMatchObject({
      code: 0,
      stderr: ASSUMED,
    });
    expect(await run(WORKSPACE, 'convert', 'pipeline', '--out', 'expected', ...options)).toMatchObject({ code: 0 });
    // The manifest lists the hash of every file.
    const manifest = (folder: string) => readFile(join(app, folder, 'manifest.json'), 'utf8');
    expect(await manifest('bundle')).toBe(await manifest('expected'));
    for (const command of [
      ['inspect', 'bundle', '--json'],
      ['plan', '--model', 'bundle', '--size', '48x32', '--json'],
    ]) {
      const outcome = await run(packed, ...command);
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
      expect(outcome).toEqual(await run(WORKSPACE, ...command));
    }
  });

  it('converts in threads of its own to the bytes of one', async () => {
    // Matrices of 512×512 and more: threads do not take smaller ones.
    await writeLargePipeline(join(app, 'large'), 1, 512);
    const convert = (script: string, out: string, threads: string) =>
      run(script, 'convert', 'large', '--out', out, '--dtype', 'q4m', '--threads', threads);
    expect(await convert(packed, 'threads', '2')).toMatchObject({ code: 0, stderr: ASSUMED });
    expect(await convert(WORKSPACE, 'one-thread', '1')).toMatchObject({ code: 0, stderr: ASSUMED });
    const manifest = (folder: string) => readFile(join(app, folder, 'manifest.json'), 'utf8');
    expect(await manifest('threads')).toBe(await manifest('one-thread'));
  });

  it.each([
    ['cpu', /^error: device\/feature-missing: .*npm i onnxruntime-node@1\.30\.0/],
    ['webgpu', /^error: device\/feature-missing: .*npm i webgpu@0\.6\.2/],
  ])('says what to install where generate lacks its runtime on %s', async (device, message) => {
    const { code, stderr } = await run(packed, ...GENERATE, ...SETTINGS, '--device', device);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('draws the workspace’s picture where onnxruntime-node is installed', async () => {
    await symlink(workspaceCopy('onnxruntime-node'), join(app, 'node_modules/onnxruntime-node'), 'junction');
    const outcome = await run(packed, ...GENERATE, ...SETTINGS, '--out', 'packed.png');
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(await run(WORKSPACE, ...GENERATE, ...SETTINGS, '--out', 'workspace.png')).toMatchObject({ code: 0 });
    const [made, expected] = await Promise.all(
      ['packed.png', 'workspace.png'].map((file) => readFile(join(app, file))),
    );
    expect(made?.equals(expected!)).toBe(true);
  });
});
