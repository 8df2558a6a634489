import { bytesSource, readSafetensors, widen } from '@flux-srpo/formats';
import type { BundleFolder } from '../../support/bundle.ts';

/** A weight in torch's order, [out, in]. */
export interface Matrix {
  readonly out: number;
  readonly inner: number;
  readonly values: Float32Array;
}

const STREAMS = {
  img: { q: 'to_q', k: 'to_k', v: 'to_v', proj: 'to_out.0', ff: 'ff', norm: 'norm1' },
  txt: {
    q: 'add_q_proj',
    k: 'add_k_proj',
    v: 'add_v_proj',
    proj: 'to_add_out',
    ff: 'ff_context',
    norm: 'norm1_context',
  },
} as const;

/**
 * The transformer's and CLIP's linear weights of an f32 bundle under diffusers' names,
 * `component/name`. The code knows only what ARCHITECTURE.md says of the files, not the converter's
 * key maps, because it checks those.
 */
export async function bundleMatrices(bundle: BundleFolder): Promise<Map<string, Matrix>> {
  const found = new Map<string, Matrix>();
  const read = async (part: string): Promise<Map<string, Matrix>> => {
    const path = `weights/${part}.safetensors`;
    const file = await readSafetensors(bytesSource(bundle.get(path)!, path));
    const matrices = new Map<string, Matrix>();
    for (const [name, { shape, dtype }] of file.tensors) {
      if (shape.length !== 2 || !name.endsWith('.weight')) continue;
      const [inner, out] = shape as [number, number];
      matrices.set(name.slice(0, -'.weight'.length), turn(out, inner, widen(dtype, await file.read(name))));
    }
    return matrices;
  };
  const add = (component: string, name: string, matrix: Matrix) => found.set(`${component}/${name}.weight`, matrix);
  const parts = [...bundle.keys()].flatMap((path) => /^weights\/(.+)\.safetensors$/.exec(path)?.[1] ?? []);

  for (const part of parts) {
    const slots = await read(part);
    const [, kind, index, stream] = /^(?:modulation\.)?([a-z_]+)(?:\.(\d+))?(?:\.(img|txt))?$/.exec(part) ?? [];
    const get = (slot: string) => slots.get(slot)!;
    if (part === 'modulation.final') add('transformer', 'norm_out.linear', halvesSwapped(get('lin')));
    else if (part.startsWith('modulation.double_block')) {
      add('transformer', `transformer_blocks.${index}.${STREAMS[stream as 'img' | 'txt'].norm}.linear`, get('lin'));
    } else if (part.startsWith('modulation.single_block')) {
      add('transformer', `single_transformer_blocks.${index}.norm.linear`, get('lin'));
    } else if (kind === 'double_block') {
      for (const [name, from] of Object.entries(STREAMS)) {
        const block = `transformer_blocks.${index}`;
        for (const slot of ['q', 'k', 'v', 'proj'] as const)
          add('transformer', `${block}.attn.${from[slot]}`, get(`${name}_attn.${slot}`));
        add('transformer', `${block}.${from.ff}.net.0.proj`, get(`${name}_mlp.0`));
        add('transformer', `${block}.${from.ff}.net.2`, get(`${name}_mlp.2`));
      }
    } else if (kind === 'single_block') {
      const block = `single_transformer_blocks.${index}`;
      for (const slot of ['q', 'k', 'v']) add('transformer', `${block}.attn.to_${slot}`, get(slot));
      add('transformer', `${block}.proj_mlp`, get('mlp'));
      add('transformer', `${block}.proj_out`, sideBySide(get('proj_attn'), get('proj_mlp')));
    } else if (kind === 'conditioning') {
      for (const [name, from] of [
        ['time', 'timestep'],
        ['guidance', 'guidance'],
        ['vector', 'text'],
      ]) {
        if (!slots.has(`${name}_in.in_layer`)) continue;
        add('transformer', `time_text_embed.${from}_embedder.linear_1`, get(`${name}_in.in_layer`));
        add('transformer', `time_text_embed.${from}_embedder.linear_2`, get(`${name}_in.out_layer`));
      }
    } else if (kind === 'embed_image') add('transformer', 'x_embedder', get('img_in'));
    else if (kind === 'embed_text') add('transformer', 'context_embedder', get('txt_in'));
    else if (kind === 'final_layer') add('transformer', 'proj_out', get('linear'));
    else if (kind === 'clip_layer') {
      const block = `encoder.layers.${index}`;
      for (const slot of ['q', 'k', 'v', 'out']) add('text_encoder', `${block}.self_attn.${slot}_proj`, get(slot));
      for (const slot of ['fc1', 'fc2']) add('text_encoder', `${block}.mlp.${slot}`, get(slot));
    }
  }
  return found;
}

/** [in, out] → [out, in] */
function turn(out: number, inner: number, values: Float32Array): Matrix {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < out; row++) {
    for (let column = 0; column < inner; column++) turned[row * inner + column] = values[column * out + row]!;
  }
  return { out, inner, values: turned };
}

function halvesSwapped({ out, inner, values }: Matrix): Matrix {
  const half = values.length / 2;
  return { out, inner, values: Float32Array.from([...values.subarray(half), ...values.subarray(0, half)]) };
}

function sideBySide(left: Matrix, right: Matrix): Matrix {
  const inner = left.inner + right.inner;
  const values = new Float32Array(left.out * inner);
  for (let row = 0; row < left.out; row++) {
    values.set(left.values.subarray(row * left.inner, (row + 1) * left.inner), row * inner);
    values.set(right.values.subarray(row * right.inner, (row + 1) * right.inner), row * inner + left.inner);
  }
  return { out: left.out, inner, values };
}
