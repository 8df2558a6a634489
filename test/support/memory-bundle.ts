import { type BundlePart, FLUX1_DEV, type Manifest, type SafetyChecker } from '@flux-srpo/core';
import { bytesSink, sha256Hex, type TensorSpec, writeSafetensors } from '@flux-srpo/formats';

/** Small, so that a few KB make several chunks. */
export const TEST_CHUNK_BYTES = 4096;

export interface TestTensor extends TensorSpec {
  bytes: Uint8Array;
}

export interface TestBundle {
  /** Graph name → ONNX bytes. */
  graphs?: Record<string, Uint8Array>;
  /** Part name → its graph and tensors. */
  parts: Record<string, { graph?: string; tensors?: readonly TestTensor[] }>;
  /** Path → contents of files that are neither graph nor weights. */
  files?: Record<string, Uint8Array>;
  safetyChecker?: SafetyChecker;
  chunkBytes?: number;
}

/** A safetensors file in memory. */
export async function safetensors(tensors: readonly TestTensor[]): Promise<Uint8Array<ArrayBuffer>> {
  const sink = bytesSink();
  await writeSafetensors(sink, tensors, (spec) => spec.bytes);
  return sink.bytes();
}

/**
 * The files of a valid bundle, for `blobBundle`. Its config says FLUX.1 for any contents, because
 * readers of bundles do not compare them.
 */
export async function memoryBundle({
  graphs = {},
  parts,
  files = {},
  safetyChecker,
  chunkBytes = TEST_CHUNK_BYTES,
}: TestBundle): Promise<Map<string, Blob>> {
  const contents = new Map<string, Uint8Array>();
  for (const folder of ['tokenizer', 'tokenizer_2']) {
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      contents.set(`${folder}/${name}`, new TextEncoder().encode('{}'));
    }
  }
  for (const [path, bytes] of Object.entries(files)) contents.set(path, bytes);
  for (const [name, bytes] of Object.entries(graphs)) contents.set(`graphs/${name}.onnx`, bytes);
  const listed: BundlePart[] = [];
  for (const [name, { graph, tensors }] of Object.entries(parts)) {
    const path = `weights/${name}.safetensors`;
    if (tensors !== undefined) contents.set(path, await safetensors(tensors));
    listed.push({
      name,
      ...(graph === undefined ? {} : { graph }),
      ...(tensors === undefined ? {} : { weights: path }),
    });
  }

  const size = { width: 64, height: 64 };
  const manifest: Manifest = {
    schema: 1,
    model: 'test',
    name: 'Test',
    licence: { id: 'Apache-2.0' },
    source: {},
    config: FLUX1_DEV,
    tokenizers: {
      tokenizer: { folder: 'tokenizer', max_length: 77 },
      tokenizer_2: { folder: 'tokenizer_2', max_length: 64 },
    },
    sizes: {
      square_hd: size,
      square: size,
      portrait_4_3: size,
      portrait_16_9: size,
      landscape_4_3: size,
      landscape_16_9: size,
    },
    defaults: { size: 'square', num_inference_steps: 4, guidance_scale: 4.5 },
    ...(safetyChecker === undefined ? {} : { safety_checker: safetyChecker }),
    quantization: { recipe: {}, fallbacks: [] },
    graphs: Object.fromEntries(Object.keys(graphs).map((name) => [name, `graphs/${name}.onnx`])),
    parts: listed,
    chunk_bytes: chunkBytes,
    files: await Promise.all([...contents].map(([path, bytes]) => describeFile(path, bytes, chunkBytes))),
  };
  contents.set('manifest.json', new TextEncoder().encode(JSON.stringify(manifest)));
  return new Map([...contents].map(([path, bytes]) => [path, new Blob([bytes as Uint8Array<ArrayBuffer>])]));
}

async function describeFile(path: string, bytes: Uint8Array, chunkBytes: number): Promise<Manifest['files'][number]> {
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    chunks.push(await sha256Hex(bytes.subarray(at, at + chunkBytes)));
  return { path, size: bytes.length, sha256: await sha256Hex(bytes), chunks };
}
