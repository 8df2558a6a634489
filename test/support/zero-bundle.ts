import { type BundleFile, type BundlePart, CHUNK_BYTES, type Manifest, type ModelConfig } from '@flux-srpo/core';
import {
  buildGraph,
  CLASS_MAPS,
  HALF_GRAPHS,
  planParts,
  resolveClass,
  type WeightSlot,
  weightInputs,
} from '@flux-srpo/export';
import { type Bytes, Safetensors, type TensorInfo } from '@flux-srpo/formats';
import type { Bundle } from '@flux-srpo/runtime';
import { letterTokenizers } from '../../packages/export/src/synth/letter-tokenizers.ts';

/*
 * A bundle of any shape whose weights are all zero, with true names, shapes, sizes and graphs. It
 * needs no disk and no time. For counting memory, where values do not matter.
 */

export type ZeroClass = 'q4' | 'q4m' | 'q4k' | 'q8';

export async function zeroBundle(config: ModelConfig, dtype: ZeroClass): Promise<Bundle> {
  const classMap = CLASS_MAPS[dtype];
  const classOf = (slot: WeightSlot) => resolveClass(classMap, slot).used;
  const plan = planParts(config);
  const tensors = new Map(plan.map((part) => [part.name, storedTensors(part.slots)]));
  const tokenizers = await letterTokenizers(config);
  const contents = new Map(
    Object.entries(tokenizers).flatMap(([folder, { files }]) =>
      [...files].map(([name, bytes]): [string, Uint8Array] => [`${folder}/${name}`, bytes]),
    ),
  );
  const parts = plan.map(({ name, graph, slots }): BundlePart => {
    const weights = slots.length === 0 ? {} : { weights: `weights/${name}.safetensors` };
    return { name, ...(graph === undefined ? {} : { graph }), ...weights };
  });
  const files = parts.flatMap(({ name, weights }): BundleFile[] => {
    if (weights === undefined) return [];
    const size = [...(tensors.get(name)?.values() ?? [])].reduce((sum, { bytes }) => sum + bytes, 0);
    return [{ path: weights, size, sha256: '', chunks: [] }];
  });
  const square = (side: number) => ({ width: side, height: side });
  const manifest: Manifest = {
    schema: 1,
    model: 'zero',
    name: 'Zeros',
    licence: { id: 'CC0-1.0' },
    source: {},
    config,
    tokenizers: {
      tokenizer: { folder: 'tokenizer', max_length: config.text_encoder.max_position_embeddings },
      tokenizer_2: { folder: 'tokenizer_2', max_length: 512 },
    },
    sizes: {
      square_hd: square(1024),
      square: square(512),
      portrait_4_3: { width: 768, height: 1024 },
      portrait_16_9: { width: 576, height: 1024 },
      landscape_4_3: { width: 1024, height: 768 },
      landscape_16_9: { width: 1024, height: 576 },
    },
    defaults: { size: 'landscape_4_3', num_inference_steps: 28, guidance_scale: 4.5 },
    quantization: { recipe: { ...classMap }, fallbacks: [] },
    graphs: {},
    graphs_f16: Object.fromEntries(HALF_GRAPHS.map((name) => [name, `graphs/${name}.f16.onnx`])),
    parts,
    chunk_bytes: CHUNK_BYTES,
    files,
  };
  const part = (name: string): BundlePart => parts.find((known) => known.name === name) as BundlePart;
  return {
    manifest,
    identity: 'zero',
    name: 'zeros',
    read: async (path) => new Uint8Array(contents.get(path) as Uint8Array),
    source: async (path) => zeros(path, 0),
    graph: async (name, precision) => {
      const half = precision === 'f16' && HALF_GRAPHS.includes(name);
      return new Uint8Array(buildGraph(name, config, classOf, half ? 'f16' : 'f32').bytes);
    },
    part,
    weights: async (name) => {
      const infos = tensors.get(name) ?? new Map<string, TensorInfo>();
      const size = [...infos.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      return new Safetensors(zeros(name, size), { metadata: new Map(), tensors: infos });
    },
    close: async () => undefined,
  };

  /** A tensor as the converter would store it. */
  function storedTensors(slots: readonly WeightSlot[]): Map<string, TensorInfo> {
    const infos = new Map<string, TensorInfo>();
    let offset = 0;
    for (const slot of slots) {
      const used = classOf(slot);
      for (const { name, dtype: type, dims } of weightInputs(slot, used)) {
        const isScale = name.endsWith('.scales');
        const isHalf = used === 'f16' || isScale || name.endsWith('.offsets');
        const isByte = type === 'uint8' || (used === 'q4m' && isScale);
        const stored = isByte ? 'U8' : isHalf ? 'F16' : 'F32';
        const bytes = dims.reduce((product, dim) => product * dim, stored === 'U8' ? 1 : isHalf ? 2 : 4);
        infos.set(name, { dtype: stored, shape: dims, offset, bytes } as TensorInfo);
        offset += bytes;
      }
    }
    return infos;
  }
}

function zeros(name: string, size: number) {
  return {
    name,
    size,
    read: async (_offset: number, length: number) => new Uint8Array(length),
    lend: async (_offset: number, length: number, use: (bytes: Bytes) => void) => use(new Uint8Array(length)),
  };
}
