import { FormatError, InputError, ModelError } from '@flux-srpo/core';
import type { ByteSource, GgmlTypeName } from '@flux-srpo/formats';
import { type Component, namingOf } from './keys/index.ts';
import { isObject, type PipelineSource, readJsonObject } from './source.ts';
import type { Numbers } from './tensors/numbers.ts';
import { findPrefix, underPrefix } from './tensors/prefix.ts';
import { applyScales, type Companion } from './tensors/scaled.ts';
import { openTensorStore, type TensorDescription, type TensorStore } from './tensors/store.ts';

/** The tensors of one component, over however many files it has. */
export interface Checkpoint {
  readonly component: Component;
  /** The files read, for the manifest. */
  readonly files: readonly string[];
  /** Whose names the tensors have. */
  readonly naming: string;
  /** Without the prefix that a file of several networks puts before them. */
  readonly tensors: ReadonlyMap<string, TensorDescription>;
  /** Tensors of the files that only say how others are stored. */
  readonly companions: readonly Companion[];
  /** Full names of the files' other tensors, which belong to other networks. */
  readonly foreign: readonly string[];
  /** Prefix of this component's tensors in its file. */
  readonly prefix: string;
  /** Throws for a dtype that does not widen to float32 exactly. */
  checkDtype(tensor: string): void;
  /**
   * Rows `start` up to `end` of a tensor.
   *
   * @param rowLength elements of one row
   * @returns [end − start, rowLength]
   */
  readRows(tensor: string, rowLength: number, start: number, end: number, signal?: AbortSignal): Promise<Numbers>;
  /** How ggml stores the tensor, where it does. */
  blockType(tensor: string): GgmlTypeName | undefined;
  /** The blocks of such a tensor's rows; a row must be whole blocks. */
  readBlockRows(
    tensor: string,
    rowLength: number,
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Names diffusers and transformers save under. */
const STEMS = ['diffusion_pytorch_model', 'model'];
const SINGLE_FILE = /^[^/]+\/[^/]+\.(?:safetensors|sft|gguf)$/;
/** FLUX.1's largest index, the transformer's, is 0.12 MB. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

/** Opens a component: the file given for it, or `<component>/*.safetensors`, which is one file or shards named by an index. */
export async function openCheckpoint(source: PipelineSource, component: Component): Promise<Checkpoint> {
  const files = await findFiles(source, component);
  const sources: ByteSource[] = [];
  const located = new Map<string, TensorStore>();
  const companions: Companion[] = [];
  const foreign: string[] = [];
  let prefix = '';
  const close = async (): Promise<void> => {
    for (const opened of sources) await opened.close?.();
  };
  try {
    for (const path of files) {
      const opened = await source.open(path);
      sources.push(opened);
      const whole = await openTensorStore(opened);
      prefix = findPrefix(component, whole.tensors);
      foreign.push(...[...whole.tensors.keys()].filter((name) => !name.startsWith(prefix)));
      const scaled = await applyScales(path, underPrefix(whole, prefix));
      companions.push(...scaled.companions);
      locate(component, path, scaled.store, located);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const find = (name: string) => located.get(name)!;
  const tensors = new Map([...located].map(([name, file]) => [name, file.tensors.get(name)!]));
  return {
    component,
    files,
    naming: namingOf(component, tensors).name,
    tensors,
    companions,
    foreign,
    prefix,
    checkDtype(name) {
      const readable = find(name).unreadable(name);
      if (readable === undefined) return;
      const { dtype } = tensors.get(name)!;
      throw new FormatError(`${component}/${name} must be ${readable.join(', ')}, got ${dtype}`, {
        code: 'format/dtype-unsupported',
        details: { component, tensor: name, expected: readable, got: dtype },
      });
    },
    readRows: (name, rowLength, start, end, signal) =>
      find(name).readNumbers(name, start * rowLength, end * rowLength, signal),
    blockType: (name) => find(name).blocks?.typeOf(name),
    async readBlockRows(name, rowLength, start, end, signal) {
      const { blocks } = find(name);
      if (blocks === undefined) throw new Error(`${name} is not stored in blocks`);
      return await blocks.read(name, start * rowLength, end * rowLength, signal);
    },
    close,
  };
}

function locate(component: Component, path: string, file: TensorStore, located: Map<string, TensorStore>): void {
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
  const given = source.singleFiles?.[component];
  if (given !== undefined) return [given];
  const paths = (await source.list()).filter((path) => path.startsWith(`${component}/`));
  const single = paths.filter((path) => SINGLE_FILE.test(path) && !/-\d{5}-of-\d{5}\./.test(path));
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
