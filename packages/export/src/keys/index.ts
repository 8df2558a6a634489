import type { Component, KeyRule } from './rules.ts';
import { CLIP_KEYS, T5_KEYS } from './text-encoders.ts';
import { TRANSFORMER_KEYS } from './transformer.ts';
import { VAE_KEYS } from './vae.ts';

export type { Component } from './rules.ts';

/** Names and shapes of a component's tensors; all that binding needs. */
export type TensorShapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** What is known of the tensors of one component. */
export interface ComponentKeys {
  readonly rules: readonly KeyRule[];
  /** A prefix some files put before every name. */
  readonly prefix?: string;
  /** A second name under which some files store a tensor again. */
  readonly duplicates?: Readonly<Record<string, string>>;
  /** Tensors that a picture does not need, and why; a name that ends in `.` stands for all under it. */
  readonly unused: readonly { readonly name: string; readonly reason: string }[];
}

export const KEYS: Readonly<Record<Component, ComponentKeys>> = {
  transformer: { rules: TRANSFORMER_KEYS, unused: [] },
  text_encoder: {
    rules: CLIP_KEYS,
    prefix: 'text_model.',
    unused: [
      { name: 'embeddings.position_ids', reason: 'a counter that older transformers stored' },
      { name: 'text_projection.', reason: 'FLUX reads the pooled embedding before the projection' },
    ],
  },
  text_encoder_2: {
    rules: T5_KEYS,
    duplicates: { 'encoder.embed_tokens.weight': 'shared.weight' },
    unused: [
      { name: 'decoder.', reason: 'only the encoder is used' },
      { name: 'lm_head.', reason: 'only the encoder is used' },
    ],
  },
  vae: {
    rules: VAE_KEYS,
    unused: [
      { name: 'encoder.', reason: 'only the decoder is used' },
      { name: 'quant_conv.', reason: 'part of the encoder' },
    ],
  },
};

export const COMPONENTS = Object.keys(KEYS) as Component[];
