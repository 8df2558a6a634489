import {
  DEFAULT_MEMORY_BUDGET,
  DEFAULT_WEIGHT_CLASS,
  formatBytes,
  LIMITS,
  type MemoryPlan,
  type ModelConfig,
  type PartSize,
  PLAN_PHASES,
  parseSize,
  parseWeightClass,
  partSizes,
  planGeneration,
  planNotes,
} from '@flux-srpo/core';
import { shapePartSizes } from '@flux-srpo/export';
import { openBundle } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';
import { bytesOption, integerOption, parseOptions, UsageError } from '../options.ts';
import { readShape } from '../shape.ts';

/** Counts are not bounded here: a plan costs nothing. */
const MAX = Number.POSITIVE_INFINITY;

export async function runPlan(args: string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    model: { type: 'string' },
    shape: { type: 'string' },
    dtype: { type: 'string', default: DEFAULT_WEIGHT_CLASS },
    size: { type: 'string', default: '1024x1024' },
    n: { type: 'string', default: '1' },
    'max-sequence-length': { type: 'string' },
    budget: { type: 'string' },
    'max-buffer': { type: 'string' },
    'max-binding': { type: 'string' },
    f16: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  });
  if (positionals.length > 0) throw new UsageError(`unexpected argument "${positionals[0]}"`);
  if ((values.model === undefined) === (values.shape === undefined))
    throw new UsageError('give either --model <bundle> or --shape flux-dev');
  const model =
    values.model === undefined
      ? await ofShape(values.shape as string, values.dtype, values.f16)
      : await ofBundle(values.model, values.f16);
  const { f16 } = model;
  const tokens = values['max-sequence-length'];
  const size = parseSize(values.size, '--size');
  const budget = values.budget === undefined ? DEFAULT_MEMORY_BUDGET : bytesOption(values.budget, 'budget');
  const limit = (value: string | undefined, name: string) =>
    value === undefined ? Number.POSITIVE_INFINITY : bytesOption(value, name);
  const plan = planGeneration({
    config: model.config,
    parts: model.parts,
    size,
    textTokens: tokens === undefined ? model.textTokens : integerOption(tokens, 'max-sequence-length', 1, MAX),
    n: integerOption(values.n, 'n', 1, MAX),
    budget,
    limits: {
      maxBufferSize: limit(values['max-buffer'], 'max-buffer'),
      maxStorageBufferBindingSize: limit(values['max-binding'], 'max-binding'),
    },
    f16,
  });
  process.stdout.write(values.json ? `${JSON.stringify({ size, budget, f16, ...plan })}\n` : planText(plan, budget));
}

interface PlannedModel {
  config: ModelConfig;
  parts: readonly PartSize[];
  textTokens: number;
  /** In half precision: asked for, and there are graphs for it. */
  f16: boolean;
}

async function ofShape(shape: string, dtype: string, f16: boolean): Promise<PlannedModel> {
  const config = await readShape(shape);
  return {
    config,
    parts: shapePartSizes(config, parseWeightClass(dtype, '--dtype'), f16),
    textTokens: LIMITS.max_sequence_length[1],
    f16,
  };
}

async function ofBundle(path: string, asked: boolean): Promise<PlannedModel> {
  const bundle = await openBundle(folderBundle(path));
  const { manifest } = bundle;
  await bundle.close();
  const textTokens = manifest.tokenizers.tokenizer_2.max_length;
  const f16 = asked && manifest.graphs_f16 !== undefined;
  return { config: manifest.config, parts: partSizes(manifest, f16), textTokens, f16 };
}

function planText(plan: MemoryPlan, budget: number): string {
  const { keep, phases, peak } = plan;
  const row = (cells: string[]) =>
    `${cells.map((cell, i) => (i < 2 ? cell.padEnd(12) : cell.padStart(12))).join('')}\n`;
  let text = row(['phase', 'mode', 'weights', 'work', 'together', 'of weights']);
  for (const name of PLAN_PHASES) {
    const { mode, weights, work, bytes, totalWeights } = phases[name];
    text += row([name, mode, ...[weights, work, bytes, totalWeights].map(formatBytes)]);
  }
  text += `peak ${formatBytes(peak)} of ${formatBytes(budget)}; ${keep ? 'everything stays between pictures' : 'one phase at a time'}\n`;
  for (const note of planNotes(plan)) text += `${note}\n`;
  return text;
}
