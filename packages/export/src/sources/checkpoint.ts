import { FormatError } from '@flux-srpo/core';
import type { ByteSource, GgmlTypeName, GgufValue } from '@flux-srpo/formats';
import { type Component, markersOf, namingOf, type TensorShapes } from '../key-maps/index.ts';
import { refuseOtherNetwork } from '../recognise/recognise.ts';
import type { Numbers } from '../tensors/numbers.ts';
import { findPrefix, networksIn, underPrefix } from '../tensors/prefix.ts';
import type { ReadMemory } from '../tensors/read-memory.ts';
import { applyScales, type Companion } from '../tensors/scaled.ts';
import { openTensorStore, type TensorDescription, type TensorStore } from '../tensors/store.ts';
import { findFiles, requireListed } from './component-files.ts';
import type { SourceFolder } from './source-folder.ts';
import { openPart, partsOf, requirePart } from './split-files.ts';

/** The tensors of one component, over however many files it has. */
export interface Checkpoint {
  readonly component: Component;
  /** Paths of the files, for the manifest. */
  readonly files: readonly string[];
  /** Who names tensors like this file: `diffusers`, `Black Forest Labs`. */
  readonly naming: string;
  /** By name, without the prefix of a file with several networks. */
  readonly tensors: ReadonlyMap<string, TensorDescription>;
  /** Tensors that are no weights: they say how other tensors are stored. */
  readonly companions: readonly Companion[];
  /** Full names of the tensors that belong to other networks. */
  readonly foreign: readonly string[];
  /** Prefix of this component's tensors in its file. */
  readonly prefix: string;
  /** Metadata of its first file; only of GGUF. */
  readonly values: ReadonlyMap<string, GgufValue>;
  /** Throws for a dtype that does not widen to float32 exactly. */
  checkDtype(tensor: string): void;
  /**
   * Rows `start` up to `end` of a tensor.
   *
   * @param rowLength elements of one row
   * @returns [end − start, rowLength], in memory that later reads use again: see {@link ReadMemory}
   */
  readRows(tensor: string, rowLength: number, start: number, end: number, signal?: AbortSignal): Promise<Numbers>;
  /** The tensor's ggml type; undefined in files without ggml's blocks. */
  blockType(tensor: string): GgmlTypeName | undefined;
  /**
   * Rows of a tensor as ggml's blocks, in the memory of {@link Checkpoint.readRows}. A row must be
   * whole blocks.
   */
  readBlockRows(
    tensor: string,
    rowLength: number,
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens the files of a component. */
export async function openCheckpoint(
  source: SourceFolder,
  component: Component,
  memory: ReadMemory,
): Promise<Checkpoint> {
  const found = await findFiles(source, component);
  const sources: ByteSource[] = [];
  const close = async (): Promise<void> => {
    for (const opened of sources) await opened.close?.();
  };
  const located = new Map<string, TensorStore>();
  const companions: Companion[] = [];
  let stores: ReadonlyMap<string, TensorStore>;
  let all: ReadonlyMap<string, TensorDescription>;
  let prefix: string;
  try {
    stores = await openStores(source, found.paths, sources);
    all = new Map([...stores.values()].flatMap(({ tensors }) => [...tensors]));
    prefix = findPrefix(component, all);
    for (const [path, whole] of stores) {
      const scaled = await applyScales(path, underPrefix(whole, prefix));
      companions.push(...scaled.companions);
      locate(component, path, scaled.store, located);
    }
    requireListed(component, found, all);
    requireNetwork(component, found.paths[0]!, all);
  } catch (error) {
    await close();
    throw error;
  }
  const find = (name: string) => located.get(name)!;
  const tensors = new Map([...located].map(([name, file]) => [name, file.tensors.get(name)!]));
  return {
    component,
    files: [...stores.keys()],
    naming: namingOf(component, tensors).name,
    tensors,
    companions,
    foreign: [...all.keys()].filter((name) => !name.startsWith(prefix)),
    prefix,
    values: [...stores.values()][0]?.values ?? new Map(),
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
      find(name).readNumbers(name, start * rowLength, end * rowLength, signal, memory),
    blockType: (name) => find(name).blocks?.typeOf(name),
    async readBlockRows(name, rowLength, start, end, signal) {
      const { blocks } = find(name);
      if (blocks === undefined) throw new Error(`${name} is not stored in blocks`);
      return await blocks.read(name, start * rowLength, end * rowLength, signal, memory);
    },
    close,
  };
}

/**
 * The tensors of files, by path, with the other parts of those that were cut.
 *
 * @param opened receives each source as it is opened. The caller closes them, also after an error
 */
async function openStores(
  source: SourceFolder,
  paths: readonly string[],
  opened: ByteSource[],
): Promise<Map<string, TensorStore>> {
  const stores = new Map<string, TensorStore>();
  const open = async (parts: readonly string[], i: number): Promise<TensorStore> => {
    const file = await openPart(source, parts, i);
    opened.push(file);
    const store = await openTensorStore(file);
    refuseOtherNetwork(parts[i]!, store);
    return store;
  };
  for (const path of paths) {
    const own = await open([path], 0);
    const parts = partsOf(path, own);
    for (const [i, part] of parts.entries()) {
      const store = part === path ? own : await open(parts, i);
      requirePart(parts, i, store);
      stores.set(part, store);
    }
  }
  return stores;
}

/** Throws where the files show no sign of the component that they were given for. */
function requireNetwork(component: Component, path: string, tensors: TensorShapes): void {
  const networks = networksIn(tensors);
  if (networks.includes(component)) return;
  const expected = markersOf(component);
  const holds = networks.length > 0 ? `tensors of ${networks.join(', ')}` : [...tensors.keys()].slice(0, 3).join(', ');
  throw new FormatError(`${path} must hold ${component}, with ${expected.join(' or ')}, got ${holds || 'no tensor'}`, {
    code: 'format/tensor-missing',
    details: { component, path, expected, got: networks },
  });
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
