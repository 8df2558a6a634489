import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readSafetensors } from '@flux-srpo/formats';
import { fileSource } from '@flux-srpo/formats/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));

/** FLUX.1's architecture with few, narrow blocks. */
const SHAPE = {
  transformer: {
    num_layers: 2,
    num_single_layers: 3,
    num_attention_heads: 2,
    attention_head_dim: 32,
    joint_attention_dim: 64,
    pooled_projection_dim: 64,
    axes_dims_rope: [4, 14, 14],
  },
  text_encoder: {
    vocab_size: 64,
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    eos_token_id: 63,
  },
  text_encoder_2: { vocab_size: 32, d_model: 64, d_kv: 16, d_ff: 160, num_layers: 2, num_heads: 4 },
  vae: { block_out_channels: [16, 16, 32, 32], norm_num_groups: 8 },
};

let work: string;
const at = (name: string) => join(work, name);

async function run(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [BIN, ...args], { cwd: work })).stdout;
}

/** The last line that a failing command prints. */
async function failure(...args: string[]): Promise<string> {
  const error = await run(...args).then(
    () => undefined,
    (cause: { stderr: string }) => cause,
  );
  return error?.stderr ?? '';
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-synth-'));
  await writeFile(at('shape.json'), JSON.stringify(SHAPE));
  await run('synth', '--shape', 'shape.json', '--dtype', 'q4', '--out', 'bundle', '--seed', '5');
});

afterAll(() => rm(work, { recursive: true, force: true }));

describe('synth', () => {
  it('writes a bundle whose every byte is what its manifest says, the same for the same seed', async () => {
    const report = JSON.parse(await run('inspect', 'bundle', '--verify', '--json'));
    expect(new Set(Object.values(report.files))).toEqual(new Set(['ok']));
    expect(report.classes.attention.bitsPerWeight).toBe(4.5);
    const again = JSON.parse(
      await run('synth', '--shape', 'shape.json', '--dtype', 'q4', '--out', 'again', '--seed', '5', '--json'),
    );
    expect(again.identity).toBe(report.identity);
    const other = JSON.parse(
      await run('synth', '--shape', 'shape.json', '--dtype', 'q4', '--out', 'other', '--seed', '6', '--json'),
    );
    expect(other.identity).not.toBe(report.identity);
  });

  it('gives activations of a few units through all stages', async () => {
    await run(
      ...['generate', '--model', 'bundle', '--prompt', 'a red house', '--size', '48x32', '--steps', '2', '--seed', '1'],
      ...['--max-sequence-length', '32', '--save-latents', 'tensors.safetensors'],
    );
    const source = await fileSource(at('tensors.safetensors'));
    const file = await readSafetensors(source);
    for (const name of ['prompt_embeds', 'pooled_prompt_embeds', 'latents_001', 'latents_002', 'decoded']) {
      const bytes = await file.read(name);
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      const rms = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
      // Measured: 0.6 to 1.4. The assertions also fail for NaN.
      expect(rms, name).toBeGreaterThan(0.2);
      expect(rms, name).toBeLessThan(5);
    }
    await source.close?.();
    expect((await readFile(at('picture.png'))).length).toBeGreaterThan(1000);
  });

  it('writes no weights with --virtual, and generate makes them: same identity, same picture', async () => {
    const summary = JSON.parse(
      await run(
        'synth',
        '--shape',
        'shape.json',
        '--dtype',
        'q4',
        '--out',
        'virtual',
        '--seed',
        '5',
        '--virtual',
        '--json',
      ),
    );
    const written = JSON.parse(await run('inspect', 'bundle', '--json'));
    expect(summary.identity).toBe(written.identity);
    expect(await readdir(at('virtual'))).not.toContain('weights');
    expect(summary.written).toBeLessThan(0.5 * summary.bytes);
    const { files } = JSON.parse(await run('inspect', 'virtual', '--verify', '--json'));
    expect(new Set(Object.values(files))).toEqual(new Set(['ok']));
    const picture = async (model: string) => {
      const out = `${model}.png`;
      await run(
        ...['generate', '--model', model, '--prompt', 'a red house', '--size', '32x32', '--steps', '1', '--seed', '1'],
        ...['--max-sequence-length', '8', '--out', out],
      );
      return readFile(at(out));
    };
    expect((await picture('virtual')).equals(await picture('bundle'))).toBe(true);
  });

  it('refuses a field that no shape has, by name', async () => {
    await writeFile(at('wrong.json'), JSON.stringify({ vae: { channels: 3 } }));
    expect(await failure('synth', '--shape', 'wrong.json', '--out', 'x')).toMatch(
      /shape\.vae\.channels must be .*latent_channels/,
    );
  });
});

describe('plan', () => {
  it('says the same of a bundle as of its shape, but for biases that do not grow on the device', async () => {
    const options = ['--size', '64x48', '--max-sequence-length', '32', '--json'];
    const ofBundle = JSON.parse(await run('plan', '--model', 'bundle', ...options));
    const ofShape = JSON.parse(await run('plan', '--shape', 'shape.json', '--dtype', 'q4', ...options));
    for (const phase of ['text', 'modulation', 'denoise', 'decode']) {
      expect(ofBundle.phases[phase].work).toBe(ofShape.phases[phase].work);
      const { totalWeights } = ofShape.phases[phase];
      expect(ofBundle.phases[phase].totalWeights).toBeGreaterThanOrEqual(totalWeights);
      // Parts this narrow have many biases, and headers of a few KB.
      expect(ofBundle.phases[phase].totalWeights).toBeLessThan(1.5 * totalWeights);
    }
  });

  it('holds FLUX.1 [dev] within the figures of its parameter count', async () => {
    // 8.65 G parameters are in the loop (19 double and 38 single blocks): 0.625 bytes each with
    // float32 scales, 0.5625 with half scales.
    for (const [flags, bytesPerWeight] of [
      [[], 0.625],
      [['--f16'], 0.5625],
    ] as const) {
      const { phases } = JSON.parse(
        await run('plan', '--shape', 'flux-dev', '--dtype', 'q4', '--budget', '8GB', '--json', ...flags),
      );
      expect(phases.denoise.mode).toBe('resident');
      expect(phases.denoise.totalWeights / (8.62e9 * bytesPerWeight)).toBeCloseTo(1, 2);
    }
  });

  it('names what is refused and why', async () => {
    const text = await run('plan', '--shape', 'flux-dev', '--budget', '2GB', '--max-binding', '64MB');
    expect(text).toMatch(/^denoise +streamed/m);
    expect(text).toMatch(/^decoded in tiles of 256x256/m);
    expect(text).toMatch(
      /refused: decode of 1024x1024 needs maxStorageBufferBindingSize of 67108864, the adapter offers 64000000; nothing smaller would fit/,
    );
    expect(await failure('plan', '--shape', 'flux-dev', '--budget', 'lots')).toMatch(/--budget must be bytes like 2GB/);
    expect(await failure('generate', '--model', 'bundle', '--prompt', 'a', '--budget', '1KB')).toMatch(
      /device\/limit-too-small: \w+ of \d+x\d+ needs \d+ bytes of device memory at least, the budget is 1000;/,
    );
    expect(await failure('plan')).toMatch(/either --model <bundle> or --shape/);
  });
});
