import {
  isBlockClass,
  QUANT_BLOCK,
  type QuantizationFallback,
  type TensorClass,
  type WeightClass,
} from '@flux-srpo/core';
import type { PartPlan, WeightSlot } from '../graphs/slots.ts';

/** How each class of tensor is stored. */
export type Recipe = Readonly<Record<TensorClass, WeightClass>>;

/**
 * Norm scales and biases are a millionth of the model and act on every token, so they are always
 * exact.
 */
const EXACT = { norm: 'f32', bias: 'f32' } as const;

/**
 * What `--dtype` asks for.
 *
 * The VAE's kernels are stored as halves and computed with as float32: rounding them moved the
 * decoder's output by at most 0.0015 in [−1, 1] on a trained 16-channel decoder and 0.0027 on
 * FLUX.1's shape with random weights, a third of an 8-bit step (torch, float32 arithmetic, unit
 * normal latents).
 */
export const RECIPES: Readonly<Record<WeightClass, Recipe>> = {
  f32: {
    attention: 'f32',
    mlp: 'f32',
    modulation: 'f32',
    embedder: 'f32',
    final: 'f32',
    t5: 'f32',
    t5_wo: 'f32',
    clip: 'f32',
    vae: 'f32',
    table: 'f32',
    ...EXACT,
  },
  f16: {
    attention: 'f16',
    mlp: 'f16',
    modulation: 'f16',
    embedder: 'f16',
    final: 'f16',
    t5: 'f16',
    t5_wo: 'f16',
    clip: 'f16',
    vae: 'f16',
    table: 'f16',
    ...EXACT,
  },
  q8: {
    attention: 'q8',
    mlp: 'q8',
    modulation: 'q8',
    embedder: 'q8',
    final: 'q8',
    t5: 'q8',
    t5_wo: 'q8',
    clip: 'q8',
    vae: 'f16',
    table: 'f16',
    ...EXACT,
  },
  // 8 bits for the small layers that every token passes, and for T5's `wo`, where its largest
  // activations meet.
  q4: {
    attention: 'q4',
    mlp: 'q4',
    modulation: 'q4',
    embedder: 'q8',
    final: 'q8',
    t5: 'q4',
    t5_wo: 'q8',
    clip: 'q8',
    vae: 'f16',
    table: 'f16',
    ...EXACT,
  },
  q4m: {
    attention: 'q4m',
    mlp: 'q4m',
    modulation: 'q4m',
    embedder: 'q8',
    final: 'q8',
    t5: 'q4m',
    t5_wo: 'q8',
    clip: 'q8',
    vae: 'f16',
    table: 'f16',
    ...EXACT,
  },
};

/** The next wider class of each. */
const WIDER: Readonly<Record<WeightClass, WeightClass>> = { q4m: 'q8', q4: 'q8', q8: 'f16', f16: 'f32', f32: 'f32' };

/** The class that a slot gets, and why it is not the one asked for. */
export interface ResolvedClass {
  asked: WeightClass;
  used: WeightClass;
  /** Present when `used` differs from `asked`. */
  reason?: string;
}

/**
 * Follows the recipe as far as the slot's shape allows: q4 → q8 → f16 → f32. Depends on class and
 * shape only.
 */
export function resolveClass(recipe: Recipe, slot: WeightSlot): ResolvedClass {
  const asked = recipe[slot.tensorClass];
  const reason = whyNotBlocks(slot);
  let used = asked;
  while (reason !== undefined && isBlockClass(used)) used = WIDER[used];
  return used === asked || reason === undefined ? { asked, used } : { asked, used, reason };
}

/** For the manifest: every slot whose shape does not allow what the recipe asks. */
export function shapeFallbacks(parts: readonly PartPlan[], recipe: Recipe): QuantizationFallback[] {
  return parts.flatMap((part) =>
    part.slots.flatMap((slot) => {
      const { asked, used, reason } = resolveClass(recipe, slot);
      return reason === undefined ? [] : [{ tensor: `${part.name}/${slot.name}`, asked, used, reason }];
    }),
  );
}

function whyNotBlocks(slot: WeightSlot): string | undefined {
  if (slot.kind === 'plain') return 'only linear layers are stored in blocks';
  const inFeatures = slot.shape[1]!;
  return inFeatures % QUANT_BLOCK === 0
    ? undefined
    : `${inFeatures} input features are not a multiple of ${QUANT_BLOCK}`;
}
