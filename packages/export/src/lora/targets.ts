import type { PartPlan } from '../graphs/slots.ts';
import { type Claim, findClaims, groupBySource } from '../key-maps/claims.ts';
import { type Component, NAMINGS } from '../key-maps/namings.ts';
import type { KeyRule } from '../key-maps/rules.ts';
import type { Changes } from './pairs.ts';
import { XLABS_KEYS } from './xlabs.ts';

/** A linear layer that a LoRA may change: the slots it fills, in one naming. */
export interface LoraTarget {
  readonly component: Component;
  readonly part: string;
  readonly claims: readonly Claim[];
}

/** Finds a layer by name, or why a picture does not need it. Undefined for unknown names. */
export interface FindTarget {
  (layer: string, changes?: Changes): LoraTarget | UnusedLayer | undefined;
  /** The text encoder that a layer's prefix names, whether it has such a layer or not. */
  encoderOf(layer: string): Component | undefined;
}

interface UnusedLayer {
  readonly component: Component;
  readonly reason: string;
}

/** What LoRAs put before a network's names, with dots or with underscores in place of them. */
interface LoraNetwork {
  readonly component: Component;
  readonly rules: readonly (readonly KeyRule[])[];
  readonly dotted: readonly string[];
  readonly underscored: readonly string[];
}

/**
 * @see https://github.com/kohya-ss/sd-scripts/blob/3265f2e/networks/lora_flux.py (lora_unet, lora_te1, lora_te3)
 * @see https://github.com/Comfy-Org/ComfyUI/blob/a125cd84/comfy/lora.py `model_lora_keys_unet`, `model_lora_keys_clip`
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
    dotted: ['text_encoder.', 'text_encoders.clip_l.transformer.', 'clip_l.transformer.'],
    underscored: ['lora_te1_', 'lora_te_'],
  },
  {
    component: 'text_encoder_2',
    rules: NAMINGS.text_encoder_2.map(({ rules }) => rules),
    dotted: ['text_encoder_2.', 'text_encoders.t5xxl.transformer.', 't5xxl.transformer.'],
    underscored: ['lora_te3_', 'lora_te2_'],
  },
];

/** Before names with underscores: what extraction tools leave of a dotted prefix. */
const INNER = ['', ...NETWORKS[0]!.dotted.filter((prefix) => prefix !== '')];

/** Knows every name that a LoRA may have for a layer of this model. */
export function loraTargets(plan: readonly PartPlan[]): FindTarget {
  const byName = new Map<string, Partial<Record<Changes, LoraTarget>>>();
  for (const network of NETWORKS) {
    const prefixes = ['', ...NAMINGS[network.component].flatMap(({ prefix }) => prefix ?? [])];
    const inner = network.component === 'transformer' ? INNER : prefixes;
    for (const [layer, changes, target] of changeable(plan, network)) {
      const add = (name: string) => byName.set(name, { ...byName.get(name), [changes]: target });
      for (const dotted of network.dotted) for (const prefix of prefixes) add(dotted + prefix + layer);
      for (const before of network.underscored) {
        for (const prefix of inner) add(before + (prefix + layer).replaceAll('.', '_'));
      }
    }
  }
  const find = (layer: string, changes: Changes = 'weight') => {
    for (const { name, component } of spellings(layer)) {
      const target = byName.get(name)?.[changes] ?? unusedLayer(name);
      if (target !== undefined && (component ?? target.component) === target.component) return target;
    }
    return undefined;
  };
  const encoderOf = (layer: string) =>
    NETWORKS.slice(1).find((network) => prefixesOf(network).some((prefix) => layer.startsWith(prefix)))?.component;
  return Object.assign(find, { encoderOf });
}

function prefixesOf({ dotted, underscored }: LoraNetwork): string[] {
  return [...dotted, ...underscored].filter((prefix) => prefix !== '');
}

/**
 * A layer's name, and what it is without the marks of extraction tools: a prefix in front of the
 * prefix, underscores behind. Without the first prefix it must be of the network that this names.
 */
function spellings(layer: string): { name: string; component?: Component }[] {
  const trimmed = layer.replace(/[._]{1,8}$/, '');
  const inner = NETWORKS.flatMap((network) =>
    prefixesOf(network)
      .filter((prefix) => trimmed.startsWith(prefix))
      .map((prefix) => ({ name: trimmed.slice(prefix.length), component: network.component })),
  );
  return [{ name: layer }, { name: trimmed }, ...inner];
}

/** The tensors that a LoRA may change: matrices, biases and norms, by the names of their layers. */
function* changeable(
  plan: readonly PartPlan[],
  { component, rules }: LoraNetwork,
): Generator<[layer: string, changes: Changes, target: LoraTarget]> {
  for (const part of plan) {
    for (const naming of rules) {
      for (const claims of groupBySource(findClaims(part, component, naming))) {
        const { from, slot } = claims[0]!;
        // Tables are looked up, not multiplied.
        if (slot.kind !== 'linear' && slot.shape.length > 1) continue;
        const changes = from.endsWith('.bias') ? 'bias' : 'weight';
        // A norm's `scale` is its layer's whole name; its `weight` is not.
        yield [from.replace(/\.(?:weight|bias)$/, ''), changes, { component, part: part.name, claims }];
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
