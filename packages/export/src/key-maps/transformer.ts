import { type KeyRule, layer, layers, weights } from './rules.ts';

const DOUBLE = 'transformer_blocks.{i}';
const SINGLE = 'single_transformer_blocks.{i}';

interface Stream {
  attn: Readonly<Record<'q' | 'k' | 'v' | 'proj', string>>;
  norm: string;
  ff: string;
}

/** One stream of a double block: diffusers names the text stream's tensors apart. */
function stream(name: 'img' | 'txt', { attn, norm, ff }: Stream): KeyRule[] {
  const part = 'double_block.{i}';
  return [
    ...Object.entries(attn).flatMap(([each, own]) => layer(part, `${name}_attn.${each}`, `${DOUBLE}.attn.${own}`)),
    { part, slot: `${name}_attn.norm_q.scale`, from: `${DOUBLE}.attn.${norm}_q.weight` },
    { part, slot: `${name}_attn.norm_k.scale`, from: `${DOUBLE}.attn.${norm}_k.weight` },
    ...layer(part, `${name}_mlp.0`, `${DOUBLE}.${ff}.net.0.proj`, 'rows'),
    ...layer(part, `${name}_mlp.2`, `${DOUBLE}.${ff}.net.2`, 'columns'),
  ];
}

/**
 * FluxTransformer2DModel → parts.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/scripts/convert_flux_to_diffusers.py (the same map, from BFL's names)
 */
export const TRANSFORMER_KEYS: readonly KeyRule[] = [
  ...layers('conditioning', 'time_text_embed.', {
    'time_in.in_layer': 'timestep_embedder.linear_1',
    'time_in.out_layer': 'timestep_embedder.linear_2',
    'guidance_in.in_layer': 'guidance_embedder.linear_1',
    'guidance_in.out_layer': 'guidance_embedder.linear_2',
    'vector_in.in_layer': 'text_embedder.linear_1',
    'vector_in.out_layer': 'text_embedder.linear_2',
  }),

  ...layer('modulation.double_block.{i}.img', 'lin', `${DOUBLE}.norm1.linear`),
  ...layer('modulation.double_block.{i}.txt', 'lin', `${DOUBLE}.norm1_context.linear`),
  ...layer('modulation.single_block.{i}', 'lin', `${SINGLE}.norm.linear`),
  // diffusers keeps (scale, shift) here; the parts keep BFL's (shift, scale).
  { part: 'modulation.final', slot: 'lin.weight', from: 'norm_out.linear.weight', swapHalves: true },
  { part: 'modulation.final', slot: 'lin.bias', from: 'norm_out.linear.bias', swapHalves: true },

  ...layer('embed_image', 'img_in', 'x_embedder'),
  ...layer('embed_text', 'txt_in', 'context_embedder'),

  ...stream('img', { attn: { q: 'to_q', k: 'to_k', v: 'to_v', proj: 'to_out.0' }, norm: 'norm', ff: 'ff' }),
  ...stream('txt', {
    attn: { q: 'add_q_proj', k: 'add_k_proj', v: 'add_v_proj', proj: 'to_add_out' },
    norm: 'norm_added',
    ff: 'ff_context',
  }),

  ...layers('single_block.{i}', `${SINGLE}.attn.`, { q: 'to_q', k: 'to_k', v: 'to_v' }),
  ...weights('single_block.{i}', `${SINGLE}.attn.`, { 'norm_q.scale': 'norm_q', 'norm_k.scale': 'norm_k' }),
  ...layer('single_block.{i}', 'mlp', `${SINGLE}.proj_mlp`, 'rows'),
  // One projection of [attention, gelu(mlp)]: its input is cut in that order, its bias added once.
  ...layer('single_block.{i}', 'proj_attn', `${SINGLE}.proj_out`, 'columns'),
  { part: 'single_block.{i}', slot: 'proj_mlp.weight', from: `${SINGLE}.proj_out.weight`, cut: 'columns' },

  ...layer('final_layer', 'linear', 'proj_out'),
];

/** One stream of a double block in BFL's naming. q, k and v are rows of one tensor, in order. */
function bflStream(name: 'img' | 'txt') {
  const part = 'double_block.{i}';
  const from = 'double_blocks.{i}';
  return [
    ...['q', 'k', 'v'].flatMap((each) => layer(part, `${name}_attn.${each}`, `${from}.${name}_attn.qkv`, 'rows')),
    ...layer(part, `${name}_attn.proj`, `${from}.${name}_attn.proj`),
    { part, slot: `${name}_attn.norm_q.scale`, from: `${from}.${name}_attn.norm.query_norm.scale` },
    { part, slot: `${name}_attn.norm_k.scale`, from: `${from}.${name}_attn.norm.key_norm.scale` },
    ...layer(part, `${name}_mlp.0`, `${from}.${name}_mlp.0`, 'rows'),
    ...layer(part, `${name}_mlp.2`, `${from}.${name}_mlp.2`, 'columns'),
  ];
}

/**
 * BFL's own Flux → parts: also the naming of ComfyUI's and of GGUF files.
 * @see https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/layers.py
 */
export const BFL_TRANSFORMER_KEYS: readonly KeyRule[] = [
  ...['time_in', 'guidance_in', 'vector_in'].flatMap((name) => [
    ...layer('conditioning', `${name}.in_layer`, `${name}.in_layer`),
    ...layer('conditioning', `${name}.out_layer`, `${name}.out_layer`),
  ]),

  ...layer('modulation.double_block.{i}.img', 'lin', 'double_blocks.{i}.img_mod.lin'),
  ...layer('modulation.double_block.{i}.txt', 'lin', 'double_blocks.{i}.txt_mod.lin'),
  ...layer('modulation.single_block.{i}', 'lin', 'single_blocks.{i}.modulation.lin'),
  // (shift, scale) here as in the parts: nothing changes places.
  ...layer('modulation.final', 'lin', 'final_layer.adaLN_modulation.1'),

  ...layer('embed_image', 'img_in', 'img_in'),
  ...layer('embed_text', 'txt_in', 'txt_in'),

  ...bflStream('img'),
  ...bflStream('txt'),

  // linear1 makes q, k, v and the MLP's hidden values, one after another.
  ...['q', 'k', 'v', 'mlp'].flatMap((each) => layer('single_block.{i}', each, 'single_blocks.{i}.linear1', 'rows')),
  { part: 'single_block.{i}', slot: 'norm_q.scale', from: 'single_blocks.{i}.norm.query_norm.scale' },
  { part: 'single_block.{i}', slot: 'norm_k.scale', from: 'single_blocks.{i}.norm.key_norm.scale' },
  // Its input is [attention, gelu(mlp)], as in diffusers.
  ...layer('single_block.{i}', 'proj_attn', 'single_blocks.{i}.linear2', 'columns'),
  { part: 'single_block.{i}', slot: 'proj_mlp.weight', from: 'single_blocks.{i}.linear2.weight', cut: 'columns' },

  ...layer('final_layer', 'linear', 'final_layer.linear'),
];
