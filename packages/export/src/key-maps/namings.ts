import type { Component, KeyRule } from './rules.ts';
import { CLIP_KEYS, OPENAI_CLIP_KEYS, T5_GGUF_KEYS, T5_KEYS } from './text-encoders.ts';
import { BFL_TRANSFORMER_KEYS, TRANSFORMER_KEYS } from './transformer.ts';
import { BFL_VAE_KEYS, VAE_KEYS } from './vae.ts';

export type { Component } from './rules.ts';

/** Names and shapes of a component's tensors: all that binding needs. */
export type TensorShapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** How one family of files names the tensors of a component. */
export interface Naming {
  /** Who uses this naming. */
  readonly name: string;
  /** A file with one of these follows this naming. */
  readonly markers: readonly string[];
  readonly rules: readonly KeyRule[];
  /** A prefix some files put before every name. */
  readonly prefix?: string;
  /** Second names under which some files store a tensor again → the first name. */
  readonly duplicates?: Readonly<Record<string, string>>;
  /** Tensors that a picture does not need, and why. `name.` means everything under it. */
  readonly unused: readonly { readonly name: string; readonly reason: string }[];
}

const DECODER_ONLY = 'only the encoder is used';
const ENCODER_OF_IMAGES = [
  { name: 'encoder.', reason: 'only the decoder is used' },
  { name: 'quant_conv.', reason: 'part of the encoder' },
];

/** The namings of each component. A file with none of their markers is read by the first. */
export const NAMINGS: Readonly<Record<Component, readonly Naming[]>> = {
  transformer: [
    { name: 'diffusers', markers: ['x_embedder.weight'], rules: TRANSFORMER_KEYS, unused: [] },
    { name: 'Black Forest Labs', markers: ['img_in.weight'], rules: BFL_TRANSFORMER_KEYS, unused: [] },
  ],
  text_encoder: [
    {
      name: 'transformers',
      markers: ['embeddings.token_embedding.weight', 'text_model.embeddings.token_embedding.weight'],
      rules: CLIP_KEYS,
      prefix: 'text_model.',
      unused: [
        { name: 'embeddings.position_ids', reason: 'a counter that older transformers stored' },
        { name: 'text_projection.', reason: 'FLUX reads the pooled embedding before the projection' },
        { name: 'logit_scale', reason: 'only compares texts with pictures' },
        { name: 'vision_model.', reason: 'only the text half is used' },
        { name: 'visual_projection.', reason: 'only the text half is used' },
      ],
    },
    {
      name: 'OpenAI',
      markers: ['token_embedding.weight'],
      rules: OPENAI_CLIP_KEYS,
      unused: [
        { name: 'text_projection', reason: 'FLUX reads the pooled embedding before the projection' },
        { name: 'logit_scale', reason: 'only compares texts with pictures' },
        { name: 'visual.', reason: 'only the text half is used' },
        { name: 'input_resolution', reason: 'only the text half is used' },
        { name: 'context_length', reason: 'a number that the file has for programs' },
        { name: 'vocab_size', reason: 'a number that the file has for programs' },
      ],
    },
  ],
  text_encoder_2: [
    {
      name: 'transformers',
      markers: ['shared.weight', 'encoder.embed_tokens.weight', 'encoder.final_layer_norm.weight'],
      rules: T5_KEYS,
      duplicates: { 'encoder.embed_tokens.weight': 'shared.weight' },
      unused: [
        { name: 'decoder.', reason: DECODER_ONLY },
        { name: 'lm_head.', reason: DECODER_ONLY },
        { name: 'logit_scale', reason: 'not a part of T5' },
      ],
    },
    {
      name: 'llama.cpp',
      markers: ['token_embd.weight'],
      rules: T5_GGUF_KEYS,
      unused: [
        { name: 'dec.', reason: DECODER_ONLY },
        { name: 'output.weight', reason: DECODER_ONLY },
      ],
    },
  ],
  vae: [
    { name: 'diffusers', markers: ['decoder.conv_norm_out.weight'], rules: VAE_KEYS, unused: ENCODER_OF_IMAGES },
    {
      name: 'Black Forest Labs',
      markers: ['decoder.norm_out.weight', 'decoder.mid.block_1.norm1.weight'],
      rules: BFL_VAE_KEYS,
      unused: ENCODER_OF_IMAGES,
    },
  ],
};

export const COMPONENTS = Object.keys(NAMINGS) as Component[];

/** Marker tensors of a component, in all its namings. */
export function markersOf(component: Component): string[] {
  return NAMINGS[component].flatMap(({ markers }) => markers);
}

/** The naming a component's tensors follow. */
export function namingOf(component: Component, tensors: TensorShapes): Naming {
  const namings = NAMINGS[component];
  return namings.find(({ markers }) => markers.some((marker) => tensors.has(marker))) ?? namings[0]!;
}
