import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSafetensors } from '@flux-srpo/formats';
import { fileSource } from '@flux-srpo/formats/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASSUMED } from '../support/assumed.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { pngText } from '../support/png-text.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { writeFiles } from '../support/write-files.ts';
import { type Outcome, outcomeOf } from './support/outcome.ts';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));

let work: string;
let source: string;
let bundle: string;

const at = (...path: string[]) => join(work, ...path);

function run(...args: string[]): Promise<Outcome> {
  return outcomeOf(spawn(process.execPath, [BIN, ...args], { cwd: work }));
}

/** Small, to be quick; not square, so that swapped sides show. */
const SMALL = ['--size', '48x32', '--steps', '2', '--max-sequence-length', '24', '--prompt', 'a red house'];

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-cli-'));
  source = at('pipeline');
  bundle = at('bundle');
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  await writeFiles(source, await synthesizeFolder(readNodeFixture, fixture));
  const converted = await run('convert', source, '--out', bundle, '--dtype', 'q8', '--json');
  expect(converted).toMatchObject({ code: 0, stderr: ASSUMED });
});

afterAll(() => rm(work, { recursive: true, force: true }));

describe('generate', () => {
  it('writes a PNG that says how it was made, and one JSON object', async () => {
    const { code, stdout } = await run(
      'generate',
      '--model',
      bundle,
      ...SMALL,
      '--seed',
      '7',
      '--out',
      'a.png',
      '--json',
    );
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ files: ['a.png'], seed: 7, steps: 2, size: { width: 48, height: 32 } });
    expect(result.timings.steps).toHaveLength(2);
    expect(result.memory.peakBytes).toBeGreaterThan(0);
    const text = pngText(await readFile(at('a.png')));
    expect(text.get('parameters')).toMatch(/^a red house\nSteps: 2, Sampler: Euler, .*Seed: 7, Size: 48x32,/);
    expect(JSON.parse(text.get('flux-srpo') as string)).toMatchObject({
      prompt: 'a red house',
      seed: 7,
      bundle: result.bundle,
    });
  });

  it('says nothing of guidance where the model has no input for it', async () => {
    const fixture = await readPipelineFixture(readNodeFixture, 'b-2x64');
    await writeFiles(at('unguided pipeline'), await synthesizeFolder(readNodeFixture, fixture));
    const converted = await run('convert', at('unguided pipeline'), '--out', at('unguided'), '--dtype', 'q8');
    expect(converted.stderr).toMatch(/^assumed: unknown: the name, the licence\nassumed: .*the default of 4 steps, /);
    const { stdout } = await run('generate', '--model', at('unguided'), ...SMALL, '--out', 'unguided.png', '--json');
    const text = pngText(await readFile(at('unguided.png')));
    // Its folder's name has the word too.
    expect([stdout, ...text.values()].filter((said) => /guidance"|Distilled CFG/.test(said))).toEqual([]);
    const guided = pngText(await readFile(at('a.png')));
    expect(guided.get('parameters')).toContain('Distilled CFG Scale: 4.5,');
    expect(JSON.parse(guided.get('flux-srpo')!)).toMatchObject({ guidance: 4.5 });
  });

  it('writes the same bytes for the same seed', async () => {
    for (const out of ['b.png', 'c.png'])
      await run('generate', '--model', bundle, ...SMALL, '--seed', '8', '--out', out);
    expect(await readFile(at('b.png'))).toEqual(await readFile(at('c.png')));
  });

  it('numbers the pictures of a batch, and saves every tensor on the way', async () => {
    const options = ['--seed', '9', '--n', '2', '--out', 'd.png', '--save-latents', 'd.safetensors', '--json'];
    const { code, stdout } = await run('generate', '--model', bundle, ...SMALL, ...options);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).files).toEqual(['d_0.png', 'd_1.png']);
    await Promise.all(['d_0.png', 'd_1.png'].map((name) => readFile(at(name))));
    const file = await fileSource(at('d.safetensors'));
    const { tensors } = await readSafetensors(file);
    await file.close?.();
    expect(Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, [dtype, ...shape]]))).toEqual({
      prompt_embeds: ['F32', 1, 24, 48],
      pooled_prompt_embeds: ['F32', 1, expect.any(Number)],
      sigmas: ['F32', 3],
      noise: ['F32', 2, 6, 64],
      latents_001: ['F32', 2, 6, 64],
      latents_002: ['F32', 2, 6, 64],
      decoded: ['F32', 2, 3, 32, 48],
    });
  });

  it('draws the same picture from a bundle whose weights are baked into the graphs', async () => {
    expect((await run('convert', source, '--out', at('baked'), '--dtype', 'f32', '--bake')).code).toBe(0);
    expect((await run('convert', source, '--out', at('plain'), '--dtype', 'f32')).code).toBe(0);
    const decoded: Float32Array[] = [];
    for (const model of ['baked', 'plain']) {
      await run('generate', '--model', at(model), ...SMALL, '--seed', '3', '--save-latents', `${model}.safetensors`);
      const file = await fileSource(at(`${model}.safetensors`));
      decoded.push(new Float32Array((await (await readSafetensors(file)).read('decoded')).slice().buffer));
      await file.close?.();
    }
    const [baked, plain] = decoded as [Float32Array, Float32Array];
    const worst = plain.reduce((max, x, i) => Math.max(max, Math.abs(x - (baked[i] as number))), 0);
    // Weights inside a graph are prepacked, so sums run in another order: fp32 rounding over two
    // steps.
    expect(worst).toBeLessThan(1e-4);
  });
});

describe('convert', () => {
  it('takes networks from files given apart, in place of the folder’s', async () => {
    const folder = at('without-vae');
    await cp(source, folder, { recursive: true });
    const [weights] = (await readdir(join(folder, 'vae'))).filter((name) => name.endsWith('.safetensors'));
    await rename(join(folder, 'vae', weights!), at('ae.safetensors'));
    const { code, stderr } = await run(
      'convert',
      folder,
      '--vae',
      at('ae.safetensors'),
      '--tokenizers',
      source,
      '--out',
      at('apart'),
      '--dtype',
      'q8',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: ASSUMED });
    for (const part of ['vae_in', 'vae_up.0', 'vae_out', 'double_block.0']) {
      const path = join('weights', `${part}.safetensors`);
      expect(await readFile(at('apart', path))).toEqual(await readFile(join(bundle, path)));
    }
    expect((await run('inspect', at('apart'))).stdout).toContain('vae/ae.safetensors (F32)');
  });

  it.each(['stdout', 'stderr'] as const)('goes on where nobody reads its %s any more', async (stream) => {
    const out = at(`without-${stream}`);
    const child = spawn(process.execPath, [BIN, 'convert', source, '--out', out, '--dtype', 'q8'], { cwd: work });
    child[stream].destroy();
    const { code, stdout } = await outcomeOf(child);
    expect(code).toBe(0);
    if (stream === 'stderr') expect(stdout).toContain(' parts, ');
    expect(await run('inspect', out, '--verify')).toMatchObject({ code: 0 });
  });

  it('takes a network from a folder of its own', async () => {
    const { code, stderr, stdout } = await run(
      'convert',
      source,
      '--vae',
      join(source, 'vae'),
      '--out',
      at('own-folder'),
      '--dtype',
      'q8',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: ASSUMED });
    expect(stdout).toMatch(/\n {2}\d+ of vae \(only the decoder is used\)\n/);
    const path = join('weights', 'vae_out.safetensors');
    expect(await readFile(at('own-folder', path))).toEqual(await readFile(join(bundle, path)));
  });

  it('says what is missing where there is neither folder nor file', async () => {
    const { code, stderr } = await run('convert', '--vae', at('ae.safetensors'), '--out', at('nothing'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/input\/required: .*missing: transformer, text_encoder, text_encoder_2, tokenizers/);
  });
});

describe('inspect', () => {
  it('says what is in a bundle, and that every file is what the manifest says', async () => {
    const { code, stdout } = await run('inspect', bundle, '--verify');
    expect(code).toBe(0);
    expect(stdout).toMatch(/1 double \+ 2 single blocks, width 96 \(3 × 32\)/);
    expect(stdout).toMatch(/attention\s+q8\s+q8 \+ F16 scales/);
    expect(stdout).toMatch(/denoise\s+[\d.]+ KB/);
  });

  it('names a file that is not what the manifest says', async () => {
    await cp(bundle, at('flipped'), { recursive: true });
    const path = at('flipped', 'weights', 'double_block.0.safetensors');
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await writeFile(path, bytes);
    const { code, stderr } = await run('inspect', at('flipped'), '--verify');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: model\/hash-mismatch: weights\/double_block\.0\.safetensors must be/);
  });
});

describe('a wrong command line', () => {
  it.each<[string, string[], RegExp]>([
    ['an unknown command', ['paint'], /^error: input\/field-unsupported: .*"paint"/],
    ['an unknown option', ['generate', '--colour', 'red'], /^error: input\/field-unsupported: .*--colour/],
    ['no prompt', ['generate', '--model', 'bundle'], /^error: input\/required: --prompt/],
    ['no model', ['generate', '--prompt', 'x'], /^error: input\/required: --model/],
    ['no such model', ['generate', '--prompt', 'x', '--model', 'nowhere'], /^error: model\/not-found: .*nowhere/],
    ['a size that is not a multiple of 16', ['--size', '100x96'], /^error: input\/size-unsupported: .*16.*100x96/],
    ['a size of no preset', ['--size', 'poster'], /^error: input\/size-unsupported: .*poster/],
    ['zero steps', ['--steps', '0'], /^error: input\/out-of-range: --steps must .* got 0/],
    ['half a step', ['--steps', '1.5'], /^error: input\/out-of-range: --steps must .* got 1.5/],
    ['guidance that is not a number', ['--guidance', 'NaN'], /^error: input\/type: --guidance must .*"NaN"/],
    ['a negative seed', ['--seed', '-1'], /^error: input\/out-of-range: --seed must .* got -1/],
    ['a seed past 2^53', ['--seed', '9007199254740993'], /^error: input\/type: --seed must .*"9007199254740993"/],
    ['no pictures', ['--n', '0'], /^error: input\/out-of-range: --n must/],
    ['a source that is not there', ['convert', 'nowhere', '--out', 'x'], /^error: model\/not-found: .*nowhere/],
    [
      'a recipe that is not there',
      ['convert', '--recipe', 'nope.json', '--out', 'x'],
      /^error: storage\/unavailable: nope\.json: .* no such file\); check the path$/,
    ],
    [
      'a safety checker that the bundle does not have',
      ['--enable-safety-checker'],
      /^error: model\/safety-checker-missing: --enable-safety-checker needs/,
    ],
    [
      'an unknown dtype',
      ['convert', 'pipeline', '--out', 'x', '--dtype', 'q3'],
      /^error: input\/out-of-range: --dtype .*"q3"/,
    ],
  ])('says %s in one line and exits 2', async (_, args, line) => {
    const isOption = args[0]?.startsWith('--');
    const { code, stdout, stderr } = await run(
      ...(isOption ? ['generate', '--model', bundle, '--prompt', 'x', ...args] : args),
    );
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(line)]);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

describe('a broken bundle', () => {
  const broken = async (name: string, breakIt: (folder: string) => Promise<void>) => {
    await cp(bundle, at(name), { recursive: true });
    await breakIt(at(name));
    return run('generate', '--model', at(name), ...SMALL);
  };
  const editManifest = async (folder: string, edit: (json: string) => string) => {
    const path = join(folder, 'manifest.json');
    await writeFile(path, edit(await readFile(path, 'utf8')));
  };

  it.each<[string, (folder: string) => Promise<void>, RegExp]>([
    [
      'a truncated weights file',
      (folder) => truncate(join(folder, 'weights', 'single_block.1.safetensors'), 1000),
      /^error: model\/\S+: .*single_block\.1/,
    ],
    [
      'a missing tokenizer',
      (folder) => rm(join(folder, 'tokenizer_2', 'tokenizer.json')),
      /^error: model\/file-missing: .*tokenizer_2/,
    ],
    [
      'a manifest that is not JSON',
      (folder) => editManifest(folder, (json) => json.slice(1)),
      /^error: model\/manifest-invalid: /,
    ],
    [
      'a manifest of a later version',
      (folder) =>
        editManifest(folder, (json) => json.replace('"schema":1', '"schema":2').replace('"schema": 1', '"schema": 2')),
      /^error: model\/version-unsupported: .*2/,
    ],
    [
      'a manifest that lies about a shape',
      (folder) => editManifest(folder, (json) => json.replace(/"num_layers":\s*1\b/, '"num_layers": 2')),
      /^error: (model|format)\/\S+: .*double_block\.1/,
    ],
  ])('is refused: %s', async (name, breakIt, line) => {
    const { code, stderr } = await broken(name.replaceAll(' ', '-'), breakIt);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(line)]);
    expect(code).toBe(2);
  });
});
