import type { Component } from '../key-maps/namings.ts';

/** Fields of each network's config that the shapes of its tensors tell exactly. */
const TOLD_BY_SHAPES: Readonly<Record<Component, readonly string[]>> = {
  transformer: [
    'in_channels',
    'num_layers',
    'num_single_layers',
    'attention_head_dim',
    'num_attention_heads',
    'joint_attention_dim',
    'pooled_projection_dim',
    'guidance_embeds',
  ],
  text_encoder: ['vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'max_position_embeddings'],
  text_encoder_2: [
    'vocab_size',
    'd_model',
    'd_kv',
    'd_ff',
    'num_layers',
    'num_heads',
    'relative_attention_num_buckets',
  ],
  vae: ['latent_channels', 'block_out_channels', 'layers_per_block', 'mid_block_add_attention'],
};

/** A config that a file was given against, and where the two differ. */
export interface Overruled {
  /** The folder's config with the file's shapes. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The fields that changed. */
  readonly fields: readonly string[];
  /** The same for people: what the file has, and what the config says. */
  readonly said: readonly string[];
}

/**
 * The config of a folder for a file that is given in place of the folder's own: where the file's
 * tensors say otherwise, they are right. What shapes do not tell stays as the config has it, and
 * what then does not fit is refused by the config's reader.
 *
 * @param told the config as inferred from the file's tensors
 */
export function overrule(
  component: Component,
  path: string,
  config: Readonly<Record<string, unknown>>,
  file: string,
  told: Readonly<Record<string, unknown>>,
): Overruled {
  const values = { ...config };
  const fields: string[] = [];
  const said: string[] = [];
  for (const field of TOLD_BY_SHAPES[component]) {
    const [before, now] = [config[field], told[field]];
    if (now === undefined || JSON.stringify(before) === JSON.stringify(now)) continue;
    values[field] = now;
    if (before === undefined) continue;
    fields.push(field);
    said.push(`${field} is ${JSON.stringify(now)}, as in ${file}, not ${JSON.stringify(before)}, as in ${path}`);
  }
  return { values, fields, said };
}
