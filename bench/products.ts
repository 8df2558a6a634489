// How fast onnxruntime-node multiplies by weights that it has packed: [M, K]·[K, N] in float32, in
// 4 bits and in 8, at both accuracy levels. Nearly all of a step on the CPU is such products.
//
//   npx tsx bench/products.ts [--shape 512,3072,3072] [--rounds 8] [--threads 1,2]
//
// One JSON line per kind: the least CPU milliseconds, and GFLOP per CPU second. Other work on the
// machine changes neither by much.

import { parseArgs } from 'node:util';
import { CONTRIB_DOMAIN, encodeGraph, type GraphNode } from '@flux-srpo/formats/onnx';
import { type AccuracyLevel, createNodeBackend } from '@flux-srpo/runtime/node';

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: '512,3072,3072' },
    rounds: { type: 'string', default: '8' },
    threads: { type: 'string', default: '1,2' },
  },
});
const [M = 0, K = 0, N = 0] = values.shape.split(',').map(Number);

/** A product whose weights are `bits` wide, in blocks of `block` with a scale each. */
interface Kind {
  bits: 4 | 8 | 32;
  block?: number;
  level?: AccuracyLevel;
}

const KINDS: readonly Kind[] = [
  { bits: 32 },
  ...[32, 128].map((block): Kind => ({ bits: 4, block, level: 0 })),
  { bits: 8, block: 32, level: 0 },
  ...[32, 64, 128, 256].map((block): Kind => ({ bits: 4, block, level: 4 })),
  { bits: 8, block: 32, level: 4 },
];

for (const threads of values.threads.split(',').map(Number)) {
  for (const kind of KINDS) {
    const cpuMs = await leastCpuMs(kind, threads);
    const gflopPerCpuSecond = (2 * M * K * N) / cpuMs / 1e6;
    process.stdout.write(
      `${JSON.stringify({ bench: 'products', shape: [M, K, N], threads, ...kind, cpuMs, gflopPerCpuSecond })}\n`,
    );
  }
}

async function leastCpuMs({ bits, block = 32, level = 0 }: Kind, threads: number): Promise<number> {
  const isFloat = bits === 32;
  const scales = [N, K / block];
  const node: GraphNode = isFloat
    ? { op: 'MatMul', inputs: ['x', 'w.weight'], outputs: ['y'] }
    : {
        op: 'MatMulNBits',
        domain: CONTRIB_DOMAIN,
        inputs: ['x', 'w.weight', 'w.scales'],
        outputs: ['y'],
        attributes: { K, N, bits, block_size: block },
      };
  const weight = isFloat
    ? ({ name: 'w.weight', dtype: 'float32', dims: [K, N] } as const)
    : ({ name: 'w.weight', dtype: 'uint8', dims: [N, K / block, (block * bits) / 8] } as const);
  const weights = isFloat ? [weight] : [weight, { name: 'w.scales', dtype: 'float32', dims: scales } as const];
  const graph = encodeGraph({
    name: 'product',
    nodes: [node],
    inputs: [{ name: 'x', dtype: 'float32', dims: [M, K] }, ...weights],
    outputs: [{ name: 'y', dtype: 'float32', dims: [M, N] }],
  });
  const backend = await createNodeBackend({ threads, accuracyLevel: level });
  try {
    const stage = await backend.openStage('products');
    const uploaded = await Promise.all(
      weights.map(async ({ name, dtype, dims }) => {
        const bytes = randomBytes(
          dims.reduce((size, dim) => size * dim, dtype === 'uint8' ? 1 : 4),
          dtype,
        );
        return [name, await stage.upload(dtype, dims, async (write) => write(0, bytes))] as const;
      }),
    );
    const session = await stage.pack!('product', async () => graph, Object.fromEntries(uploaded));
    const x = {
      dtype: 'float32',
      dims: [M, K],
      data: new Float32Array(randomBytes(4 * M * K, 'float32').buffer),
    } as const;
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < Number(values.rounds); round++) {
      const before = process.cpuUsage();
      const { y } = await stage.run(session, { x });
      const { user, system } = process.cpuUsage(before);
      y!.dispose();
      least = Math.min(least, (user + system) / 1000);
    }
    return least;
  } finally {
    await backend.dispose();
  }
}

/** Any codes, or floats from −1 to 1: a linear congruential generator. */
function randomBytes(bytes: number, dtype: 'uint8' | 'float32'): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(bytes / 4);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  const numbers = dtype === 'uint8' ? words : Float32Array.from(words, (word) => word / 2 ** 31 - 1);
  return new Uint8Array(numbers.buffer);
}
