// A census of one denoising step: every dispatch of FLUX.1's transformer with its workgroups, its
// operations and the bytes that it must read and write, from the graphs' shapes, and what a
// machine would need at least. Nothing is computed, and no GPU is needed.
//
//   npx tsx bench/kernels.ts [--size 1024x1024] [--tokens 512] [--dtype q4m] [--precision f16]
//                            [--teraflops 100] [--gigabytes 1000] [--list]
//
// One JSON line for the step, one per kernel and one for each of the ten costliest dispatches;
// `--list` adds every dispatch. A dispatch needs the longer of its operations at `--teraflops`
// (10¹² a second) and its bytes at `--gigabytes` (10⁹ a second): a lower bound, since a kernel may
// read twice what does not stay in its caches. Kernels are those of onnxruntime-web 1.30 for many
// tokens. Matrix work is what multiplies matrices, attention included.

import { parseArgs } from 'node:util';
import { FLUX1_DEV, type Precision, parseSize, tokenGrid, type WeightClass } from '@flux-srpo/core';
import { buildGraph, CLASS_MAPS, type ClassOf, HALF_GRAPHS, planParts, resolveClass } from '@flux-srpo/export';
import { stepCensus, sumByKernel, sumOf } from './support/census.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1024x1024' },
    tokens: { type: 'string', default: '512' },
    dtype: { type: 'string', default: 'q4m' },
    precision: { type: 'string', default: 'f16' },
    teraflops: { type: 'string', default: '100' },
    gigabytes: { type: 'string', default: '1000' },
    list: { type: 'boolean', default: false },
  },
});
const MATRIX = new Set(['MatMulNBitsWideTile', 'MatMul', 'FlashAttention']);
const grid = tokenGrid(parseSize(values.size));
const imageTokens = grid.height * grid.width;
const textTokens = Number(values.tokens);
const sizes = { S_img: imageTokens, S_txt: textTokens, S: imageTokens + textTokens };
const classOf: ClassOf = (slot) => resolveClass(CLASS_MAPS[values.dtype as WeightClass], slot).used;

const precisionOf = (graph: string): Precision =>
  values.precision === 'f16' && HALF_GRAPHS.includes(graph) ? 'f16' : 'f32';
const dispatches = await stepCensus(
  planParts(FLUX1_DEV),
  (graph) => buildGraph(graph, FLUX1_DEV, classOf, precisionOf(graph)).bytes,
  sizes,
  { teraflops: Number(values.teraflops), gigabytes: Number(values.gigabytes) },
);

const { dtype, size, precision } = values;
const step = sumOf(dispatches);
const matrix = sumOf(dispatches.filter(({ kernel }) => MATRIX.has(kernel)));
line({ what: 'step', dtype, precision, size, textTokens, ...step, otherShare: share(step.ms - matrix.ms) });
for (const each of sumByKernel(dispatches)) line({ what: 'kernel', ...each, share: share(each.ms) });
// Blocks of a kind are alike.
const perPart = dispatches.filter(({ part }) => !/\.[1-9]/.test(part));
for (const each of perPart.toSorted((a, b) => b.ms - a.ms).slice(0, 10)) line({ what: 'costliest', ...each });
if (values.list) for (const each of dispatches) line({ what: 'dispatch', ...each });

function share(ms: number): number {
  return Number((ms / step.ms).toFixed(4));
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'kernels', ...record })}\n`);
}
