import {
  isBlockClass,
  QUANT_BLOCK,
  type QuantizationFallback,
  type TensorClass,
  type WeightClass,
} from '@flux-srpo/core';
import type { PartPlan, WeightSlot } from '../graphs/slots.ts';

/** The weight class of each class of tensor. A manifest has it as `quantization.recipe`. */
export type ClassMap = Readonly<Record<TensorClass, WeightClass>>;

/** Norms and biases are a millionth of the model and act on every token: always exact. */
const EXACT = { norm: 'f32', bias: 'f32' } as const;

/**
 * All linear layers in one class; kernels of the VAE and embedding tables in `floats`.
 *
 * The VAE's kernels are computed with as float32. Rounding them to halves moved the decoder's
 * output by at most 0.0015 in [−1, 1] on a trained 16-channel decoder and 0.0027 on FLUX.1's shape
 * with random weights, a third of an 8-bit step (torch, float32 arithmetic, unit normal latents).
 */
function uniform(linear: WeightClass, floats: 'f32' | 'f16'): ClassMap {
  return {
    attention: linear,
    mlp: linear,
    modulation: linear,
    embedder: linear,
    final: linear,
    t5: linear,
    t5_wo: linear,
    clip: linear,
    vae: floats,
    table: floats,
    ...EXACT,
  };
}

/**
 * 4 bits where most weights are. 8 bits for the small layers that every token passes, the last
 * adaLN among them, and for T5's `wo`, where its largest activations meet. SPEED.md, "Weight
 * classes", has the error of each.
 */
function fourBits(blocks: WeightClass): ClassMap {
  return { ...uniform('q8', 'f16'), attention: blocks, mlp: blocks, modulation: blocks, t5: blocks };
}

/** What `--dtype` asks for. */
export const CLASS_MAPS: Readonly<Record<WeightClass, ClassMap>> = {
  f32: uniform('f32', 'f32'),
  f16: uniform('f16', 'f16'),
  q8: uniform('q8', 'f16'),
  q4k: fourBits('q4k'),
  q4m: fourBits('q4m'),
  q4: fourBits('q4'),
};

/** The next wider class of each. */
const WIDER: Readonly<Record<WeightClass, WeightClass>> = {
  q4: 'q8',
  q4m: 'q8',
  q4k: 'q8',
  q8: 'f16',
  f16: 'f32',
  f32: 'f32',
};

/** The class that a slot gets, and why it is not the one asked for. */
export interface ResolvedClass {
  asked: WeightClass;
  used: WeightClass;
  /** Present when `used` differs from `asked`. */
  reason?: string;
}

/** Follows the map as far as class and shape allow: q4 → q8 → f16 → f32. */
export function resolveClass(classMap: ClassMap, slot: WeightSlot): ResolvedClass {
  const asked = classMap[slot.tensorClass];
  const reason = whyNotBlocks(slot);
  let used = asked;
  while (reason !== undefined && isBlockClass(used)) used = WIDER[used];
  return used === asked || reason === undefined ? { asked, used } : { asked, used, reason };
}

/** For the manifest: every slot whose shape does not allow what the map asks. */
export function shapeFallbacks(parts: readonly PartPlan[], classMap: ClassMap): QuantizationFallback[] {
  return parts.flatMap((part) =>
    part.slots.flatMap((slot) => {
      const { asked, used, reason } = resolveClass(classMap, slot);
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
