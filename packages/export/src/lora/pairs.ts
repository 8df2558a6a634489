import { FormatError } from '@flux-srpo/core';
import { refuseOtherLora } from '../recognise/recognise.ts';
import { requireReadable, type TensorDescription, type TensorStore } from '../tensors/tensor-store.ts';
import { isOtherNumber } from './alpha-number.ts';

/** The two matrices that change one layer, as a file holds them. */
export interface LoraPair {
  /** The file's name. */
  readonly file: string;
  /** What the file calls the layer. */
  readonly layer: string;
  /** Tensor [rank, inFeatures]. */
  readonly down: string;
  /** Tensor [outFeatures, rank]. */
  readonly up: string;
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Tensor of one number. Absent: the file's metadata says it, else alpha is the rank. */
  readonly alpha?: string;
}

/** A tensor that is added to a weight or a bias as it is, as extraction tools save small layers. */
export interface LoraDiff {
  readonly file: string;
  readonly layer: string;
  readonly tensor: string;
  /** Which of the layer's tensors it changes. */
  readonly changes: Changes;
  readonly shape: readonly number[];
}

/** The tensor of a layer that is changed: a norm's scale counts as its weight. */
export type Changes = 'weight' | 'bias';

/** Everything in a LoRA's file. */
export interface LoraTensors {
  readonly pairs: readonly LoraPair[];
  readonly diffs: readonly LoraDiff[];
  /** Tensors that are not needed, and why. */
  readonly unused: readonly { readonly tensor: string; readonly reason: string }[];
  /** Tensors of no known name. Only such that are all zeros may be left out. */
  readonly unknown: readonly string[];
}

/** kohya's, PEFT's (with or without an adapter's name), older diffusers' and XLabs' endings. */
const DOWN = /^(.+?)\.(?:lora_down|lora_A|lora_A\.[^.]+|lora\.down|lora_linear_layer\.down|down)\.weight$/;
const UP = /^(.+?)\.(?:lora_up|lora_B|lora_B\.[^.]+|lora\.up|lora_linear_layer\.up|up)\.weight$/;
const ALPHA = /^(.+?)(?:\.lora_[AB])?\.alpha$/;

/**
 * Whole differences of weights and norms, and of biases.
 * @see https://github.com/Comfy-Org/ComfyUI/blob/a125cd84/comfy/lora.py `load_lora`
 */
const DIFFS: readonly (readonly [pattern: RegExp, changes: Changes])[] = [
  [/^(.+)\.(?:diff|w_norm)$/, 'weight'],
  [/^(.+)\.(?:diff_b|b_norm)$/, 'bias'],
];
/** Embeddings of textual inversion, which A1111 lets a LoRA carry. */
const EMBEDDING = /^bundle_emb\./;

/** Published LoRAs have 1 to 512. At this rank, `down` takes 126 MB for FLUX.1's widest layer. */
const MAX_RANK = 2048;

/** Sorts the tensors of a LoRA's file by what they change. */
export function pairTensors(file: string, store: TensorStore): LoraTensors {
  const { tensors } = store;
  refuseOtherLora(file, tensors.keys());
  const diffs: LoraDiff[] = [];
  const unused: { tensor: string; reason: string }[] = [];
  const unknown: string[] = [];
  const found = new Map<string, { down?: string; up?: string; alpha?: string }>();
  for (const tensor of tensors.keys()) {
    if (EMBEDDING.test(tensor)) {
      unused.push({ tensor, reason: 'an embedding that the LoRA carries, which prompts cannot name here' });
      continue;
    }
    const diff = diffOf(file, tensor, tensors.get(tensor)!.shape);
    const [role, layer] = roleOf(tensor) ?? [];
    if (role !== 'alpha' || !isOtherNumber(tensors.get(tensor)!.dtype)) {
      requireReadable(store, tensor, `${file}: ${tensor}`, { name: file });
    }
    if (diff !== undefined) diffs.push(diff);
    if (diff === undefined && role === undefined) unknown.push(tensor);
    if (role === undefined || layer === undefined) continue;
    const entry = found.get(layer) ?? {};
    if (entry[role] !== undefined) throw twice(file, layer, [entry[role], tensor]);
    entry[role] = tensor;
    found.set(layer, entry);
  }
  const isPair = ([layer, { down, up, alpha }]: (typeof entries)[number]) =>
    down !== undefined || up !== undefined || !diffs.some((diff) => diff.layer === layer) || alpha === undefined;
  const entries = [...found];
  for (const [, { alpha }] of entries.filter((entry) => !isPair(entry))) {
    unused.push({ tensor: alpha!, reason: 'an alpha, which whole differences do not need' });
  }
  const pairs = entries.filter(isPair).map(([layer, entry]) => checkPair(file, layer, entry, tensors));
  return { pairs, diffs, unused, unknown };
}

function diffOf(file: string, tensor: string, shape: readonly number[]): LoraDiff | undefined {
  for (const [pattern, changes] of DIFFS) {
    const layer = pattern.exec(tensor)?.[1];
    if (layer !== undefined) return { file, layer, tensor, changes, shape };
  }
  return undefined;
}

function roleOf(tensor: string): ['down' | 'up' | 'alpha', string] | undefined {
  const down = DOWN.exec(tensor);
  if (down) return ['down', down[1]!];
  const up = UP.exec(tensor);
  if (up) return ['up', up[1]!];
  const alpha = ALPHA.exec(tensor);
  return alpha ? ['alpha', alpha[1]!] : undefined;
}

function checkPair(
  file: string,
  layer: string,
  { down, up, alpha }: { down?: string; up?: string; alpha?: string },
  tensors: ReadonlyMap<string, TensorDescription>,
): LoraPair {
  if (down === undefined || up === undefined) {
    const got = down ?? up ?? alpha;
    throw new FormatError(`${file}: ${layer} must have both low-rank matrices, got only ${got}; the LoRA is damaged`, {
      code: 'format/tensor-missing',
      details: { name: file, layer, got },
    });
  }
  const shapes = [tensors.get(down)!.shape, tensors.get(up)!.shape] as const;
  for (const [i, tensor] of [down, up].entries()) {
    if (shapes[i]!.length === 2) continue;
    const what = shapes[i]!.length === 4 ? ' as of a convolution' : '';
    throw wrongShape(file, tensor, 'a matrix', `[${shapes[i]!.join(', ')}]${what}`);
  }
  const [rank, inFeatures] = shapes[0] as [number, number];
  const [outFeatures, upRank] = shapes[1] as [number, number];
  if (rank < 1 || rank > MAX_RANK) throw wrongShape(file, down, `of rank 1 to ${MAX_RANK}`, `${rank}`);
  if (upRank !== rank)
    throw wrongShape(file, up, `[…, ${rank}] as ${down} is [${rank}, …]`, `[${shapes[1].join(', ')}]`);
  if (alpha !== undefined && tensors.get(alpha)!.shape.some((dim) => dim !== 1)) {
    throw wrongShape(file, alpha, 'one number', `[${tensors.get(alpha)!.shape.join(', ')}]`);
  }
  return { file, layer, down, up, rank, inFeatures, outFeatures, ...(alpha !== undefined && { alpha }) };
}

function wrongShape(file: string, tensor: string, expected: string, got: string): FormatError {
  return new FormatError(`${file}: ${tensor} must be ${expected}, got ${got}; use another LoRA`, {
    code: 'format/shape-mismatch',
    details: { name: file, tensor, expected, got },
  });
}

function twice(file: string, layer: string, tensors: readonly string[]): FormatError {
  return new FormatError(`${file}: ${layer} must be changed once, got ${tensors.join(' and ')}; the LoRA is damaged`, {
    code: 'format/tensor-unexpected',
    details: { name: file, layer, tensors },
  });
}
