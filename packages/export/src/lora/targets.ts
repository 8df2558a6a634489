import type { PartPlan } from '../graphs/slots.ts';
import { type Claim, findClaims, groupBySource } from '../key-maps/claims.ts';
import { type Component, NAMINGS } from '../key-maps/index.ts';
import type { KeyRule } from '../key-maps/rules.ts';
import { XLABS_KEYS } from './xlabs.ts';

/** A linear layer that a LoRA may change: the slots it fills, in one naming. */
export interface LoraTarget {
  readonly component: Component;
  readonly part: string;
  readonly claims: readonly Claim[];
}

/** Finds a layer by name, or why a picture does not need it. Undefined for unknown names. */
export type FindTarget = (layer: string) => LoraTarget | UnusedLayer | undefined;

interface UnusedLayer {
  readonly component: Component;
  readonly reason: string;
}

/**
 * Prefixes of a network in LoRAs: before names with dots, and before names with underscores in
 * place of the dots.
 */
interface LoraNetwork {
  readonly component: Component;
  readonly rules: readonly (readonly KeyRule[])[];
  readonly dotted: readonly string[];
  readonly underscored: readonly string[];
}

/**
 * @see https://github.com/kohya-ss/sd-scripts/blob/3265f2e/networks/lora_flux.py
 *   (lora_unet, lora_te1, lora_te3)
 * @see https://github.com/Comfy-Org/ComfyUI/blob/a125cd84/comfy/lora.py
 *   `model_lora_keys_unet`, `model_lora_keys_clip`
 * @see https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/loaders/lora_conversion_utils.py
 */
const NETWORKS: readonly LoraNetwork[] = [
  {
    component: 'transformer',
    rules: [...NAMINGS.transformer.map(({ rules }) => rules), XLABS_KEYS],
    dotted: ['transformer.', 'diffusion_model.', 'model.diffusion_model.', 'base_model.model.', ''],
    underscored: ['lora_unet_', 'lora_transformer_', 'lycoris_'],
  },
  {
    component: 'text_encoder',
    rules: NAMINGS.text_encoder.map(({ rules }) => rules),
    dotted: ['text_encoder.', 'text_encoders.clip_l.transformer.'],
    underscored: ['lora_te1_', 'lora_te_'],
  },
  {
    component: 'text_encoder_2',
    rules: NAMINGS.text_encoder_2.map(({ rules }) => rules),
    dotted: ['text_encoder_2.', 'text_encoders.t5xxl.transformer.'],
    underscored: ['lora_te3_', 'lora_te2_'],
  },
];

/** Knows every name that a LoRA may have for a layer of this model. */
export function loraTargets(plan: readonly PartPlan[]): FindTarget {
  const byName = new Map<string, LoraTarget>();
  for (const network of NETWORKS) {
    const prefixes = ['', ...NAMINGS[network.component].flatMap(({ prefix }) => prefix ?? [])];
    for (const [name, target] of linearLayers(plan, network)) {
      for (const prefix of prefixes) {
        const inner = prefix + name;
        for (const dotted of network.dotted) byName.set(dotted + inner, target);
        for (const underscored of network.underscored) byName.set(underscored + inner.replaceAll('.', '_'), target);
      }
    }
  }
  return (layer) => byName.get(layer) ?? unusedLayer(layer);
}

function* linearLayers(plan: readonly PartPlan[], { component, rules }: LoraNetwork): Generator<[string, LoraTarget]> {
  for (const part of plan) {
    for (const naming of rules) {
      for (const claims of groupBySource(findClaims(part, component, naming))) {
        const { from, slot } = claims[0]!;
        if (slot.kind !== 'linear' || !from.endsWith('.weight')) continue;
        yield [from.slice(0, -'.weight'.length), { component, part: part.name, claims }];
      }
    }
  }
}

/** Why a picture does not need a layer; the same list as for the checkpoint's tensors. */
function unusedLayer(layer: string): UnusedLayer | undefined {
  for (const { component, dotted, underscored } of NETWORKS) {
    for (const { unused, prefix = '' } of NAMINGS[component]) {
      for (const { name, reason } of unused) {
        for (const inner of [name, prefix + name]) {
          const stem = inner.replace(/\.$/, '');
          const isUnder = (full: string, separator: string) => layer === full || layer.startsWith(full + separator);
          if (
            dotted.some((before) => isUnder(before + stem, '.')) ||
            underscored.some((before) => isUnder(before + stem.replaceAll('.', '_'), '_'))
          ) {
            return { component, reason };
          }
        }
      }
    }
  }
  return undefined;
}
