import { FLUX1_DEV, ModelError, type WeightClass } from '@flux-srpo/core';
import { bytesSource, readSafetensors, sha256Hex, widen } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { planParts } from '../graphs/index.ts';
import { CLASS_MAPS } from '../weight-classes/class-map.ts';
import { synthesizeBundle } from './synthesize.ts';
import { syntheticPart, virtualBundle } from './virtual-bundle.ts';

/** FLUX.1's blocks, few and narrow. */
const CONFIG: typeof FLUX1_DEV = {
  ...FLUX1_DEV,
  transformer: {
    ...FLUX1_DEV.transformer,
    num_layers: 1,
    num_single_layers: 1,
    num_attention_heads: 2,
    attention_head_dim: 32,
    joint_attention_dim: 64,
    pooled_projection_dim: 64,
    axes_dims_rope: [4, 14, 14],
  },
  text_encoder: {
    ...FLUX1_DEV.text_encoder,
    vocab_size: 64,
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    eos_token_id: 63,
  },
  text_encoder_2: {
    ...FLUX1_DEV.text_encoder_2,
    vocab_size: 32,
    d_model: 64,
    d_kv: 16,
    d_ff: 160,
    num_layers: 1,
    num_heads: 4,
  },
  vae: { ...FLUX1_DEV.vae, block_out_channels: [16, 16, 32, 32], norm_num_groups: 8 },
};

function part(name: string, dtype: WeightClass, seed = 0) {
  const plan = planParts(CONFIG).find((each) => each.name === name);
  if (plan === undefined) throw new Error(`no part ${name}`);
  return syntheticPart(plan, CLASS_MAPS[dtype], seed);
}

/** A bundle's files in memory, as a sink takes them and a reader opens them. */
async function synthesized(virtual: boolean) {
  const written = new Map<string, Uint8Array[]>();
  const { identity, manifest } = await synthesizeBundle(
    CONFIG,
    {
      async create(path) {
        const pieces: Uint8Array[] = [];
        written.set(path, pieces);
        return { write: async (bytes) => void pieces.push(bytes.slice()), close: async () => {} };
      },
      commit: async () => {},
      abort: async () => {},
    },
    { dtype: 'q4', seed: 3, virtual },
  );
  const files = {
    name: 'memory',
    async open(path: string) {
      const pieces = written.get(path);
      if (pieces === undefined) throw new ModelError(`${path} is missing`, { code: 'model/file-missing' });
      return bytesSource(Buffer.concat(pieces), path);
    },
  };
  return { identity, manifest, written, files };
}

describe('the file of a synthetic part', () => {
  // Oracle: the file read in one piece.
  it.each<WeightClass>(['q4', 'q4m', 'q8', 'f16', 'f32'])('gives any range of it alone, in %s', async (dtype) => {
    const source = part('double_block.0', dtype);
    const whole = await source.read(0, source.size);
    // Beginnings and ends at every place within a word; lengths around the piece that is made at a
    // time, 64 KiB.
    for (let i = 0; i < 64; i++) {
      const offset = (i * 9973) % source.size;
      const length = Math.min([0, 1, 2, 3, 5, 17, 65_535, 65_537][i % 8]!, source.size - offset);
      const range = await source.read(offset, length);
      // Not `toEqual`, which takes a second for these.
      expect(Buffer.compare(range, whole.subarray(offset, offset + length)), `${length} bytes at ${offset}`).toBe(0);
    }
  });

  it('depends on the seed, and no two tensors are alike', async () => {
    const whole = async (seed: number) => sha256Hex(await part('single_block.0', 'q4', seed).read(0, 10_000));
    expect(await whole(1)).not.toBe(await whole(2));
    const file = await readSafetensors(part('double_block.0', 'q4'));
    const hashes = await Promise.all([...file.tensors.keys()].map(async (name) => sha256Hex(await file.read(name))));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('has numbers of the deviation that keeps a linear’s gain at 1', async () => {
    const file = await readSafetensors(part('double_block.0', 'f16'));
    const values = widen('F16', await file.read('img_mlp.0.weight'));
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    // 16,384 numbers: their deviation is known to 1/√(2·16384) = 0.6 %.
    expect(deviation * Math.sqrt(64)).toBeCloseTo(1, 1);
    // The mean of as many is known to 1/√16384 = 0.8 % of the deviation.
    expect(Math.abs(values.reduce((sum, x) => sum + x, 0) / values.length)).toBeLessThan(0.05 * deviation);
  });
});

describe('a virtual bundle', () => {
  it('is the written one without its weights, and reads as if they were there', async () => {
    const real = await synthesized(false);
    const virtual = await synthesized(true);
    expect(virtual.identity).toBe(real.identity);
    expect([...virtual.written.keys()].some((path) => path.startsWith('weights/'))).toBe(false);
    const reader = await virtualBundle(virtual.files);
    for (const { path, sha256, size } of real.manifest.files) {
      const source = await reader.open(path, size);
      expect(source.size, path).toBe(size);
      expect(await sha256Hex(await source.read(0, size)), path).toBe(sha256);
    }
  });

  it('still lacks what is no part’s weights', async () => {
    const { files } = await synthesized(true);
    const reader = await virtualBundle(files);
    await expect(reader.open('weights/other.safetensors')).rejects.toMatchObject({ code: 'model/file-missing' });
  });

  it('is no other bundle: weights that are a model’s are never made up', async () => {
    const { files, written } = await synthesized(true);
    const manifest = JSON.parse(Buffer.concat(written.get('manifest.json')!).toString());
    delete manifest.synthetic;
    written.set('manifest.json', [Buffer.from(JSON.stringify(manifest))]);
    const reader = await virtualBundle(files);
    await expect(reader.open('weights/final_layer.safetensors')).rejects.toMatchObject({ code: 'model/file-missing' });
  });
});
