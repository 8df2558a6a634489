import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type GgmlTypeName, readGguf, readSafetensors } from '@flux-srpo/formats';
import { FLUX1_SIZES } from '../../packages/export/src/test-support/diffusers-shapes.ts';
import type { HubFile } from '../../test/support/hub.ts';
import { sparseClip, sparseT5, sparseTransformer, sparseVae } from '../../test/support/sparse-flux.ts';

/** FLUX.1 [dev]'s files as published, in 4 bits, with random numbers. Activations stay finite. */
export interface RandomFlux {
  transformer: string;
  t5: string;
  clip: string;
  vae: string;
}

/**
 * Writes the four files (12 GB for all 57 blocks).
 * @param blocks how many double and single blocks the transformer has; FLUX.1 has 19 and 38
 */
export async function writeRandomFlux(
  folder: string,
  [doubleBlocks, singleBlocks]: readonly [number, number],
): Promise<RandomFlux> {
  const files = {
    transformer: join(folder, 'transformer-q4_0.gguf'),
    t5: join(folder, 't5-q4_0.gguf'),
    clip: join(folder, 'clip_l.safetensors'),
    vae: join(folder, 'ae.safetensors'),
  };
  await writeRandom(files.transformer, sparseTransformer('Q4_0', { ...FLUX1_SIZES, doubleBlocks, singleBlocks }));
  await writeRandom(files.t5, sparseT5('Q4_0'));
  await writeRandom(files.clip, sparseClip());
  await writeRandom(files.vae, sparseVae());
  return files;
}

/** A scale of norm layers: 1 in place of a random number. */
const NORM = /norm.*\.(weight|scale)$/;

/** Random numbers repeat after this many, which no layer notices. */
const PERIOD = 1 << 20;

async function writeRandom(path: string, { size, read }: HubFile): Promise<void> {
  const source = {
    name: path,
    size,
    read: async (at: number, length: number) => new Uint8Array(await read(at, at + length)),
  };
  const { tensors } = path.endsWith('.gguf') ? await readGguf(source) : await readSafetensors(source);
  const file = await open(path, 'w');
  try {
    const first = Math.min(...[...tensors.values()].map(({ offset }) => offset));
    await file.write(await read(0, first), 0, first, 0);
    await file.truncate(size);
    for (const [name, info] of tensors) {
      const dtype = 'type' in info ? info.type : (info.dtype as GgmlTypeName);
      const numbers = NORM.test(name) ? ones(dtype) : random(dtype);
      for (let at = 0; at < info.bytes; at += numbers.length) {
        const length = Math.min(numbers.length, info.bytes - at);
        await file.write(numbers, 0, length, info.offset + at);
      }
    }
  } finally {
    await file.close();
  }
}

const ones = (dtype: GgmlTypeName): Uint8Array => numbersOf(dtype, () => 1);

const periods = new Map<GgmlTypeName, Uint8Array>();

function random(dtype: GgmlTypeName): Uint8Array {
  // A linear congruential generator: https://en.wikipedia.org/wiki/Linear_congruential_generator
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  let numbers = periods.get(dtype);
  if (numbers === undefined) {
    // Uniform with a deviation of 0.017: a matrix with 3,072 columns keeps its input's size.
    numbers = dtype === 'Q4_0' ? blocksOf4(next) : numbersOf(dtype, () => 0.06 * (next() - 0.5));
    periods.set(dtype, numbers);
  }
  return numbers;
}

function numbersOf(dtype: GgmlTypeName, next: () => number): Uint8Array {
  const wide = Float32Array.from({ length: PERIOD }, next);
  if (dtype === 'F32') return new Uint8Array(wide.buffer);
  if (dtype !== 'F16') throw new Error(`expected F32, F16 or Q4_0, got ${dtype}`);
  return new Uint8Array(Uint16Array.from(wide, toHalf).buffer);
}

/** Blocks of 32: a scale in half precision, then two levels a byte, 8 above their value. */
function blocksOf4(next: () => number): Uint8Array {
  const out = new Uint8Array((PERIOD / 32) * 18);
  const scale = toHalf(0.0037);
  for (let at = 0; at < out.length; at += 18) {
    out[at] = scale & 255;
    out[at + 1] = scale >> 8;
    for (let i = 2; i < 18; i++) out[at + i] = Math.floor(256 * next());
  }
  return out;
}

/** To the nearest half towards zero; for numbers from 2^-14 up to 1, and 0 below. */
function toHalf(x: number): number {
  const size = Math.abs(x);
  if (size < 2 ** -14) return 0;
  const exponent = Math.floor(Math.log2(size));
  return (x < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | Math.floor((size / 2 ** exponent - 1) * 1024);
}
