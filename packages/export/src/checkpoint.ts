import { FormatError, InputError, ModelError } from '@flux-srpo/core';
import {
  type ByteSource,
  DTYPE_BITS,
  type Dtype,
  readSafetensors,
  type Safetensors,
  type TensorInfo,
  widen,
} from '@flux-srpo/formats';
import type { Component } from './keys/index.ts';
import { isObject, type PipelineSource, readJsonObject } from './source.ts';

/** The tensors of one component, over however many files it has. */
export interface Checkpoint {
  readonly component: Component;
  /** The files read, for the manifest. */
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Throws for a dtype that does not widen to float32 exactly. */
  checkDtype(tensor: string): void;
  /**
   * Rows `start` up to `end` of a tensor.
   *
   * @param rowLength elements of one row
   * @returns [end − start, rowLength]
   */
  readRows(tensor: string, rowLength: number, start: number, end: number, signal?: AbortSignal): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Names diffusers and transformers save under. */
const STEMS = ['diffusion_pytorch_model', 'model'];
/** FLUX.1's largest index, the transformer's, is 0.12 MB. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;
const FLOAT_DTYPES: readonly Dtype[] = ['F32', 'F16', 'BF16'];

/** Opens `<component>/*.safetensors`: one file, or shards named by an index. */
export async function openCheckpoint(source: PipelineSource, component: Component): Promise<Checkpoint> {
  const files = await findFiles(source, component);
  const sources: ByteSource[] = [];
  const located = new Map<string, Safetensors>();
  const close = async (): Promise<void> => {
    for (const opened of sources) await opened.close?.();
  };
  try {
    for (const path of files) {
      const opened = await source.open(path);
      sources.push(opened);
      locate(component, path, await readSafetensors(opened), located);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const find = (name: string) => located.get(name)!;
  return {
    component,
    files,
    tensors: new Map([...located].map(([name, file]) => [name, file.info(name)])),
    checkDtype(name) {
      const { dtype } = find(name).info(name);
      if (FLOAT_DTYPES.includes(dtype)) return;
      throw new FormatError(`${component}/${name} must be ${FLOAT_DTYPES.join(', ')}, got ${dtype}`, {
        code: 'format/dtype-unsupported',
        details: { component, tensor: name, expected: FLOAT_DTYPES, got: dtype },
      });
    },
    async readRows(name, rowLength, start, end, signal) {
      const file = find(name);
      const { dtype } = file.info(name);
      const rowBytes = (rowLength * DTYPE_BITS[dtype]) / 8;
      return widen(dtype, await file.readRange(name, start * rowBytes, (end - start) * rowBytes, signal));
    },
    close,
  };
}

function locate(component: Component, path: string, file: Safetensors, located: Map<string, Safetensors>): void {
  for (const name of file.tensors.keys()) {
    if (located.has(name)) {
      throw new FormatError(`${component}: tensor ${name} must be in one shard, got it again in ${path}`, {
        code: 'format/tensor-unexpected',
        details: { component, tensor: name, path },
      });
    }
    located.set(name, file);
  }
}

async function findFiles(source: PipelineSource, component: Component): Promise<string[]> {
  const paths = (await source.list()).filter((path) => path.startsWith(`${component}/`));
  const single = paths.filter((path) => /^[^/]+\/[^/]+\.safetensors$/.test(path) && !/-\d{5}-of-\d{5}\./.test(path));
  const named = STEMS.map((stem) => `${component}/${stem}.safetensors`).find((path) => paths.includes(path));
  const index = STEMS.map((stem) => `${component}/${stem}.safetensors.index.json`).find((path) => paths.includes(path));
  if (index !== undefined && named !== undefined) {
    throw new InputError(
      `${component}/ must hold one model, got ${named} and ${index}; remove the one you do not want`,
      {
        code: 'input/conflict',
        details: { component, paths: [named, index] },
      },
    );
  }
  if (index !== undefined) return readShardNames(source, component, index, paths);
  if (named !== undefined) return [named];
  if (single.length === 1) return single;
  throw new ModelError(
    `${component}/ must hold ${component}/${STEMS[0]}.safetensors or its shards, got ${single.length ? single.join(', ') : 'no .safetensors file'}`,
    { code: 'model/file-missing', details: { component, found: single } },
  );
}

async function readShardNames(
  source: PipelineSource,
  component: Component,
  index: string,
  paths: readonly string[],
): Promise<string[]> {
  const { weight_map: weightMap } = await readJsonObject(source, index, MAX_INDEX_BYTES);
  if (!isObject(weightMap)) {
    throw new FormatError(`${index} must have a weight_map object`, {
      code: 'format/header-invalid',
      details: { index },
    });
  }
  const shards = [...new Set(Object.values(weightMap))].map((shard) => `${component}/${String(shard)}`).sort();
  const missing = shards.find((shard) => !paths.includes(shard));
  if (missing === undefined) return shards;
  throw new ModelError(`${missing} is missing; ${index} names it`, {
    code: 'model/file-missing',
    details: { component, path: missing },
  });
}
