import { hiddenSize, MLP_RATIO, TIMESTEP_DIMS, type TransformerConfig } from '@flux-srpo/core';
import type { GraphBuilder } from './graph-builder.ts';
import type { Value } from './node-builder.ts';
import {
  adaLayerNorm,
  add,
  attention,
  chunkedMlp,
  cutModulation,
  gatedResidual,
  headNorm,
  imageTokens,
  linearToStream,
  rotary,
  silu,
} from './ops.ts';

/*
 * The flow transformer's blocks, one function per block kind. Token order is [text, image]
 * everywhere.
 * @see https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/layers.py
 */

/** silu(time_in(t) + guidance_in(g) + vector_in(pooled)), a row per step: all that adaLN reads. */
export function conditioning(g: GraphBuilder, config: TransformerConfig): void {
  const width = hiddenSize(config);
  const embed = (name: string, x: Value): Value => {
    const hidden = silu(g, g.linear(`${name}.in_layer`, x, width, { tensorClass: 'embedder' }));
    return g.linear(`${name}.out_layer`, hidden, width, { tensorClass: 'embedder' });
  };
  let vec = embed('time_in', g.input('timestep_proj', ['R', TIMESTEP_DIMS]));
  if (config.guidance_embeds) {
    vec = add(g, vec, embed('guidance_in', g.input('guidance_proj', ['R', TIMESTEP_DIMS])));
  }
  // `pooled` is one row for all steps, so it broadcasts over R.
  vec = add(g, vec, embed('vector_in', g.input('pooled', [1, config.pooled_projection_dim])));
  g.output('silu_vec', silu(g, vec));
}

/** A raw adaLN linear: [R, H] → [R, vectors·H]. The last layer's has 2, in that layer's class. */
export function modulation(g: GraphBuilder, config: TransformerConfig, vectors: 6 | 3 | 2): void {
  const width = hiddenSize(config);
  const vec = g.input('silu_vec', ['R', width]);
  const tensorClass = vectors === 2 ? 'final' : 'modulation';
  g.output('modulation', g.linear('lin', vec, vectors * width, { tensorClass }));
}

export function embedImage(g: GraphBuilder, config: TransformerConfig): void {
  const latents = g.input('latents', [1, 'S_img', config.in_channels]);
  g.output('hidden', g.linear('img_in', latents, hiddenSize(config), { tensorClass: 'embedder' }));
}

export function embedText(g: GraphBuilder, config: TransformerConfig): void {
  const embeds = g.input('prompt_embeds', [1, 'S_txt', config.joint_attention_dim]);
  g.output('hidden', g.linear('txt_in', embeds, hiddenSize(config), { tensorClass: 'embedder' }));
}

/*
 * In half precision the streams, the norms of adaLN, the softmax and the gates are float32; what
 * goes into and comes out of the linear layers and the attention is float16.
 */

/** Image and text in two streams with weights of their own and one joint attention. */
export function doubleBlock(g: GraphBuilder, config: TransformerConfig): void {
  const width = hiddenSize(config);
  const heads = config.num_attention_heads;
  const ropeWidth = config.attention_head_dim / 2;
  const img = g.input('img', [1, 'S_img', width]);
  const txt = g.input('txt', [1, 'S_txt', width]);
  const imgMod = cutModulation(g, g.input('img_mod', [6 * width]), 6);
  const txtMod = cutModulation(g, g.input('txt_mod', [6 * width]), 6);
  const cos = g.narrow(g.input('rope_cos', [1, 'S_img', ropeWidth]));
  const sin = g.narrow(g.input('rope_sin', [1, 'S_img', ropeWidth]));

  const project = (stream: 'img' | 'txt', x: Value, [shift, scale]: Value[]): { q: Value; k: Value; v: Value } => {
    const normed = g.narrow(adaLayerNorm(g, x, shift as Value, scale as Value));
    const linear = (name: string) => g.linear(`${stream}_attn.${name}`, normed, width, { tensorClass: 'attention' });
    return {
      q: headNorm(g, `${stream}_attn.norm_q`, linear('q'), heads),
      k: headNorm(g, `${stream}_attn.norm_k`, linear('k'), heads),
      v: linear('v'),
    };
  };
  const text = project('txt', txt, txtMod);
  const image = project('img', img, imgMod);

  // Text positions are all (0, 0, 0), the identity: only the image's q and k turn.
  const joint: Value['dims'] = [1, 'S', width];
  const k = g.node('Concat', [text.k, rotary(g, image.k, cos, sin, heads)], joint, { axis: 1 });
  const v = g.node('Concat', [text.v, image.v], joint, { axis: 1 });
  const imgAttended = attention(g, rotary(g, image.q, cos, sin, heads), k, v, { heads });
  const txtAttended = attention(g, text.q, k, v, { heads });

  const finish = (stream: 'img' | 'txt', x: Value, attended: Value, mod: Value[]): Value => {
    const [, , gate1, shift2, scale2, gate2] = mod as [Value, Value, Value, Value, Value, Value];
    const projected = linearToStream(g, `${stream}_attn.proj`, attended, width, { tensorClass: 'attention' });
    const mixed = gatedResidual(g, x, gate1, projected);
    const names = { in: `${stream}_mlp.0`, out: `${stream}_mlp.2` };
    const mlp = chunkedMlp(g, g.narrow(adaLayerNorm(g, mixed, shift2, scale2)), names, MLP_RATIO * width, {
      bias: true,
      tensorClass: 'mlp',
    });
    return gatedResidual(g, mixed, gate2, mlp);
  };
  g.output('img_out', finish('img', img, imgAttended, imgMod));
  g.output('txt_out', finish('txt', txt, txtAttended, txtMod));
}

/** [text, image] as one sequence, for the single-stream blocks. */
export function joinStreams(g: GraphBuilder, config: TransformerConfig): void {
  const width = hiddenSize(config);
  const txt = g.input('txt', [1, 'S_txt', width]);
  const img = g.input('img', [1, 'S_img', width]);
  g.output('hidden', g.node('Concat', [txt, img], [1, 'S', width], { axis: 1 }));
}

/** Attention and MLP side by side on [text, image]; their projection is cut by input columns. */
export function singleBlock(g: GraphBuilder, config: TransformerConfig): void {
  const width = hiddenSize(config);
  const heads = config.num_attention_heads;
  const ropeWidth = config.attention_head_dim / 2;
  const hidden = g.input('hidden', [1, 'S', width]);
  const [shift, scale, gate] = cutModulation(g, g.input('mod', [3 * width]), 3) as [Value, Value, Value];
  const cos = g.narrow(g.input('rope_cos', [1, 'S', ropeWidth]));
  const sin = g.narrow(g.input('rope_sin', [1, 'S', ropeWidth]));

  const normed = g.narrow(adaLayerNorm(g, hidden, shift, scale));
  const linear = (name: string) => g.linear(name, normed, width, { tensorClass: 'attention' });
  const q = rotary(g, headNorm(g, 'norm_q', linear('q'), heads), cos, sin, heads);
  const k = rotary(g, headNorm(g, 'norm_k', linear('k'), heads), cos, sin, heads);
  const attended = attention(g, q, k, linear('v'), { heads });

  const projected = linearToStream(g, 'proj_attn', attended, width, { tensorClass: 'attention' });
  const names = { in: 'mlp', out: 'proj_mlp' };
  const mlp = chunkedMlp(g, normed, names, MLP_RATIO * width, { bias: false, tensorClass: 'mlp' });
  g.output('hidden_out', gatedResidual(g, hidden, gate, add(g, projected, mlp)));
}

/** Drops the text, then the last adaLN and the projection to velocity = noise − image, packed. */
export function finalLayer(g: GraphBuilder, config: TransformerConfig): void {
  const width = hiddenSize(config);
  const hidden = g.input('hidden', [1, 'S', width]);
  const textLength = g.input('text_length', [1], 'int64');
  const [shift, scale] = cutModulation(g, g.input('mod', [2 * width]), 2) as [Value, Value];
  const normed = adaLayerNorm(g, imageTokens(g, hidden, textLength), shift, scale);
  g.output('velocity', g.linear('linear', normed, config.in_channels, { tensorClass: 'final' }));
}
