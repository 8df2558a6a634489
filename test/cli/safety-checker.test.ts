import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSUMED } from '../support/assumed.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { writeFiles } from '../support/write-files.ts';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const BIN = path('packages/cli/bin/flux-srpo.js');
const TINY = path('models/tiny/bundle');
const CHECKER = path('models/tiny/safety_checker');

/**
 * Seeds and prompts whose pictures the stand-in classifier is known to tell apart. It flags ducks.
 */
const DUCK = 'a yellow duck on the right on the sea, on a sunny day';
const CAT = 'a red cat on the left in the snow, at night';

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-checker-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

function run(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { cwd: work }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

const draw = (prompt: string, ...more: string[]) =>
  run('generate', '--model', TINY, '--prompt', prompt, '--seed', '5', '--steps', '12', ...more);

describe('generate --enable-safety-checker', () => {
  it('writes no duck, exits with 3 and says so', async () => {
    const withheld = await draw(DUCK, '--enable-safety-checker', '--out', 'duck.png');
    expect(withheld).toMatchObject({ code: 3, stdout: '', stderr: '1 of 1 picture withheld by the safety checker\n' });
    const asJson = await draw(DUCK, '--enable-safety-checker', '--out', 'duck.png', '--json');
    expect(asJson.code).toBe(3);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ files: [null], flagged: [true], enableSafetyChecker: true });
    expect(await readdir(work)).not.toContain('duck.png');
  });

  it('writes a cat, and a duck for whoever does not ask', async () => {
    const cat = await draw(CAT, '--enable-safety-checker', '--out', 'cat.png', '--json');
    expect(cat).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(cat.stdout)).toMatchObject({ files: ['cat.png'], flagged: [false] });
    expect(await draw(DUCK, '--out', 'unchecked.png')).toMatchObject({ code: 0, stderr: '' });
    expect(await readdir(work)).toEqual(expect.arrayContaining(['cat.png', 'unchecked.png']));
  });
});

describe('convert --safety-checker', () => {
  let source: string;
  beforeAll(async () => {
    source = join(work, 'pipeline');
    const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
    await writeFiles(source, await synthesizeFolder(readNodeFixture, fixture));
  });

  it('puts the classifier into the bundle, and what it flags into the manifest', async () => {
    const out = join(work, 'checked');
    const converted = await run(
      'convert',
      source,
      '--out',
      out,
      '--dtype',
      'q8',
      '--safety-checker',
      CHECKER,
      '--json',
    );
    expect(converted).toMatchObject({ code: 0, stderr: ASSUMED });
    const manifest = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8'));
    const { flagged, threshold } = JSON.parse(await readFile(join(CHECKER, 'safety_checker.json'), 'utf8'));
    expect(manifest.safety_checker).toMatchObject({ flagged, threshold });
    const [theirs, ours] = [CHECKER, join(out, 'safety_checker')];
    expect(await readFile(join(ours, 'model.onnx'))).toEqual(await readFile(join(theirs, 'model.onnx')));
    for (const file of ['config.json', 'preprocessor_config.json']) {
      const read = async (folder: string) => JSON.parse(await readFile(join(folder, file), 'utf8'));
      expect(await read(ours)).toEqual(await read(theirs));
    }
  });

  it('is missed by a bundle made without, which is no silent pass', async () => {
    const out = join(work, 'unchecked');
    expect(await run('convert', source, '--out', out, '--dtype', 'q8')).toMatchObject({ code: 0 });
    const { code, stderr } = await run('generate', '--model', out, '--prompt', 'a', '--enable-safety-checker');
    expect([code, stderr.slice(0, 42)]).toEqual([2, 'error: model/safety-checker-missing: --ena']);
  });

  it('refuses a folder that lacks a file, by name', async () => {
    const folder = join(work, 'half');
    await mkdir(folder);
    await writeFile(join(folder, 'config.json'), '{}');
    const { code, stderr } = await run('convert', source, '--out', join(work, 'none'), '--safety-checker', folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: \S+: .*(preprocessor_config|safety_checker|model)\.(json|onnx)/m);
    expect(await readdir(work)).not.toContain('none');
  });
});
