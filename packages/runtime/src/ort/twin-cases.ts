import { InferenceError } from '@flux-srpo/core';
import { f32ToF16 } from '@flux-srpo/formats';
import type { DeviceTensor, Dtype, Session, Stage } from './backend.ts';
import type { HalfGraphs } from './half-graphs.ts';
import { HALF_TOLERANCE, type SelfTestCase } from './self-test-case.ts';

/**
 * Graphs in half precision beside their twins in float32, on the same random numbers. No list of
 * kernels is kept: what a graph uses is what is asked, at the widths of the model.
 */
export function twinCases(graphs: HalfGraphs | undefined): SelfTestCase[] {
  if (graphs === undefined) return [];
  return graphs.names.map((name) => ({
    kernel: `${name} in halves`,
    tolerance: HALF_TOLERANCE,
    ask: async (stage) => ({
      got: await run(stage, `${name} in halves`, () => graphs.read(name, 'f16')),
      want: await run(stage, name, () => graphs.read(name, 'f32')),
    }),
  }));
}

/**
 * Tokens of a graph's symbolic dimensions, in the order in which they come: enough for the kernels
 * that many tokens get, and different.
 */
const TOKENS = [64, 40] as const;

/** Every output, one after the other. */
async function run(stage: Stage, name: string, bytes: () => Promise<Uint8Array>): Promise<Float32Array> {
  const session = await stage.session(name, bytes);
  const tokens = new Map<string, number>();
  const feeds: Record<string, DeviceTensor> = {};
  try {
    for (const [index, input] of session.inputs.entries()) {
      const dims = input.dims.map((dim) => {
        if (typeof dim === 'number') return dim;
        if (!tokens.has(dim)) tokens.set(dim, TOKENS[tokens.size % TOKENS.length]!);
        return tokens.get(dim)!;
      });
      feeds[input.name] = await uploadNoise(stage, session, index, dims);
    }
    const outputs = await stage.run(session, feeds);
    const values: number[] = [];
    for (const output of session.outputs) for (const value of await stage.read(outputs[output]!)) values.push(value);
    for (const output of Object.values(outputs)) output.dispose();
    return Float32Array.from(values);
  } finally {
    for (const tensor of Object.values(feeds)) tensor.dispose();
  }
}

/** The noise is repeated after this many: 4 times a prime, so no rows of a matrix are alike. */
const NOISE_LENGTH = 4 * 8191;

let noiseValues: Float32Array<ArrayBuffer> | undefined;

/** The same numbers everywhere, in [−1, 1): a linear congruential generator's. */
function noise(): Float32Array<ArrayBuffer> {
  let state = 1;
  noiseValues ??= new Float32Array(NOISE_LENGTH).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
  return noiseValues;
}

/** @param index of the input: each begins elsewhere in the noise */
async function uploadNoise(stage: Stage, session: Session, index: number, dims: number[]): Promise<DeviceTensor> {
  const { name, dtype } = session.inputs[index]!;
  const encoded = encode(dtype, amplitudeOf(session, name, dims));
  const pattern = new Uint8Array(encoded.buffer);
  const bytes = dims.reduce((product, dim) => product * dim, encoded.BYTES_PER_ELEMENT);
  const start = (4 * 1009 * index * encoded.BYTES_PER_ELEMENT) % pattern.length;
  return stage.upload(dtype as Dtype, dims, async (write) => {
    let from = start;
    for (let at = 0; at < bytes; from = 0) {
      const piece = pattern.subarray(from, Math.min(pattern.length, from + bytes - at));
      write(at, piece);
      at += piece.length;
    }
  });
}

function encode(
  dtype: string,
  amplitude: number,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  if (dtype === 'uint8') return new Uint8Array(noise().map((value) => (value + 1) * 128));
  const values = noise().map((value) => value * amplitude);
  if (dtype === 'float16') return f32ToF16(values);
  if (dtype === 'float32') return values;
  throw new InferenceError(`a graph in halves must take floats and codes, got ${dtype}`, { code: 'inference/run' });
}

/**
 * So large that products with a linear layer are as large as what they multiply.
 *
 * @param dims of its `weight` [K, N], or of its codes' `scales` [N, K/32] or `offsets` [K/32, N]
 */
function amplitudeOf({ inputs }: Session, name: string, dims: readonly number[]): number {
  if (!name.includes('.') || dims.length < 2) return 1;
  if (!name.endsWith('.scales')) return Math.sqrt(3 / (dims[0]! * (name.endsWith('.offsets') ? 32 : 1)));
  const codes = inputs.find((input) => input.name === name.replace(/scales$/, 'weight'))!.dims;
  const bits = Number(codes[2]) / 4;
  // Codes that are all as frequent deviate by 2^bits / √12.
  return 6 / (2 ** bits * Math.sqrt(32 * dims[1]!));
}
