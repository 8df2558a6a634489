import type { Shapes, TransformerSizes } from './diffusers-shapes.ts';
import type { Tensor } from './tiny-pipeline.ts';

/**
 * Black Forest Labs' naming, written out from its source: the oracle of the key maps, which
 * therefore do not appear here.
 * @see https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/model.py
 */

/** One tensor of BFL's and the diffusers tensors whose rows it holds, in order. */
export type BflNames = Map<string, readonly string[]>;

/** Every tensor of a Flux of this depth. */
export function bflTransformerNames({ doubleBlocks, singleBlocks }: TransformerSizes): BflNames {
  const names: BflNames = new Map();
  const linear = (name: string, ...from: string[]) => {
    for (const end of ['weight', 'bias'])
      names.set(
        `${name}.${end}`,
        from.map((each) => `${each}.${end}`),
      );
  };
  linear('img_in', 'x_embedder');
  linear('txt_in', 'context_embedder');
  for (const [name, from] of [
    ['time_in', 'timestep'],
    ['guidance_in', 'guidance'],
    ['vector_in', 'text'],
  ]) {
    linear(`${name}.in_layer`, `time_text_embed.${from}_embedder.linear_1`);
    linear(`${name}.out_layer`, `time_text_embed.${from}_embedder.linear_2`);
  }
  for (let i = 0; i < doubleBlocks; i++) {
    const [to, from] = [`double_blocks.${i}`, `transformer_blocks.${i}`];
    linear(`${to}.img_mod.lin`, `${from}.norm1.linear`);
    linear(`${to}.txt_mod.lin`, `${from}.norm1_context.linear`);
    linear(`${to}.img_attn.qkv`, `${from}.attn.to_q`, `${from}.attn.to_k`, `${from}.attn.to_v`);
    linear(`${to}.txt_attn.qkv`, `${from}.attn.add_q_proj`, `${from}.attn.add_k_proj`, `${from}.attn.add_v_proj`);
    linear(`${to}.img_attn.proj`, `${from}.attn.to_out.0`);
    linear(`${to}.txt_attn.proj`, `${from}.attn.to_add_out`);
    linear(`${to}.img_mlp.0`, `${from}.ff.net.0.proj`);
    linear(`${to}.img_mlp.2`, `${from}.ff.net.2`);
    linear(`${to}.txt_mlp.0`, `${from}.ff_context.net.0.proj`);
    linear(`${to}.txt_mlp.2`, `${from}.ff_context.net.2`);
    names.set(`${to}.img_attn.norm.query_norm.scale`, [`${from}.attn.norm_q.weight`]);
    names.set(`${to}.img_attn.norm.key_norm.scale`, [`${from}.attn.norm_k.weight`]);
    names.set(`${to}.txt_attn.norm.query_norm.scale`, [`${from}.attn.norm_added_q.weight`]);
    names.set(`${to}.txt_attn.norm.key_norm.scale`, [`${from}.attn.norm_added_k.weight`]);
  }
  for (let i = 0; i < singleBlocks; i++) {
    const [to, from] = [`single_blocks.${i}`, `single_transformer_blocks.${i}`];
    linear(`${to}.modulation.lin`, `${from}.norm.linear`);
    linear(`${to}.linear1`, `${from}.attn.to_q`, `${from}.attn.to_k`, `${from}.attn.to_v`, `${from}.proj_mlp`);
    linear(`${to}.linear2`, `${from}.proj_out`);
    names.set(`${to}.norm.query_norm.scale`, [`${from}.attn.norm_q.weight`]);
    names.set(`${to}.norm.key_norm.scale`, [`${from}.attn.norm_k.weight`]);
  }
  linear('final_layer.linear', 'proj_out');
  linear('final_layer.adaLN_modulation.1', 'norm_out.linear');
  return names;
}

export function bflShapes(names: BflNames, diffusers: Shapes): Shapes {
  return new Map(
    [...names].map(([name, from]) => {
      const shapes = from.map((each) => diffusers.get(each)!);
      return [name, [shapes.reduce((sum, shape) => sum + shape[0]!, 0), ...shapes[0]!.slice(1)]];
    }),
  );
}

/**
 * The same transformer as BFL's file would hold it: rows joined, and (shift, scale) in the last
 * adaLN where diffusers has (scale, shift).
 */
export function toBfl(names: BflNames, diffusers: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const [name, from] of names) {
    const parts = from.map((each) => diffusers.get(each)!);
    const values = Float32Array.from(parts.flatMap((part) => [...part.values]));
    const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
    if (name.startsWith('final_layer.adaLN')) {
      const half = values.length / 2;
      values.set([...values.subarray(half), ...values.subarray(0, half)]);
    }
    out.set(name, { shape: [rows, ...parts[0]!.shape.slice(1)], values });
  }
  return out;
}

/**
 * A decoder in BFL's naming: its levels are counted from the picture, its attention is made of 1×1
 * convolutions.
 */
export function toBflVae(diffusers: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    [...diffusers].map(([name, tensor]) => {
      const renamed = name
        .replace(/up_blocks\.(\d)\.resnets\.(\d)/, (_, i, j) => `up.${3 - Number(i)}.block.${j}`)
        .replace(/up_blocks\.(\d)\.upsamplers\.0\.conv/, (_, i) => `up.${3 - Number(i)}.upsample.conv`)
        .replace('mid_block.resnets.0', 'mid.block_1')
        .replace('mid_block.resnets.1', 'mid.block_2')
        .replace('mid_block.attentions.0', 'mid.attn_1')
        .replace('attn_1.group_norm', 'attn_1.norm')
        .replace('attn_1.to_out.0', 'attn_1.proj_out')
        .replace(/attn_1\.to_([qkv])/, 'attn_1.$1')
        .replace('conv_shortcut', 'nin_shortcut')
        .replace('conv_norm_out', 'norm_out');
      const isProjection = /attn_1\.(q|k|v|proj_out)\.weight/.test(renamed) && tensor.shape.length === 2;
      return [renamed, isProjection ? { ...tensor, shape: [...tensor.shape, 1, 1] } : tensor];
    }),
  );
}

/** T5 in llama.cpp's naming. */
export function toLlamaT5(transformers: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const own: Record<string, string> = {
    'layer.0.layer_norm': 'attn_norm',
    'layer.0.SelfAttention.q': 'attn_q',
    'layer.0.SelfAttention.k': 'attn_k',
    'layer.0.SelfAttention.v': 'attn_v',
    'layer.0.SelfAttention.o': 'attn_o',
    'layer.0.SelfAttention.relative_attention_bias': 'attn_rel_b',
    'layer.1.layer_norm': 'ffn_norm',
    'layer.1.DenseReluDense.wi_0': 'ffn_gate',
    'layer.1.DenseReluDense.wi_1': 'ffn_up',
    'layer.1.DenseReluDense.wo': 'ffn_down',
  };
  return new Map(
    [...transformers].map(([name, tensor]) => {
      if (name === 'shared.weight') return ['token_embd.weight', tensor];
      if (name === 'encoder.final_layer_norm.weight') return ['enc.output_norm.weight', tensor];
      const [, i, rest] = /^encoder\.block\.(\d+)\.(.+)\.weight$/.exec(name)!;
      return [`enc.blk.${i}.${own[rest!]}.weight`, tensor];
    }),
  );
}

/** A CLIP text model in OpenAI's naming: q, k, v in one tensor, some names without `.weight`. */
export function toOpenAiClip(transformers: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const own: Record<string, string> = {
    layer_norm1: 'ln_1',
    layer_norm2: 'ln_2',
    'self_attn.out_proj': 'attn.out_proj',
    'mlp.fc1': 'mlp.c_fc',
    'mlp.fc2': 'mlp.c_proj',
  };
  const out = new Map<string, Tensor>();
  for (const [name, tensor] of transformers) {
    const [, i, layer, end] = /^encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
    if (i === undefined) {
      out.set(
        name
          .replace('embeddings.token_embedding', 'token_embedding')
          .replace('embeddings.position_embedding.weight', 'positional_embedding')
          .replace('final_layer_norm', 'ln_final'),
        tensor,
      );
    } else if (layer === 'self_attn.q_proj') {
      const parts = ['q', 'k', 'v'].map((each) => transformers.get(name.replace('q_proj', `${each}_proj`))!);
      const [rows, ...inner] = tensor.shape as [number, ...number[]];
      const values = Float32Array.from(parts.flatMap((part) => [...part.values]));
      out.set(`transformer.resblocks.${i}.attn.in_proj_${end}`, { shape: [3 * rows, ...inner], values });
    } else if (own[layer!] !== undefined) {
      out.set(`transformer.resblocks.${i}.${own[layer!]}.${end}`, tensor);
    }
  }
  return out;
}
