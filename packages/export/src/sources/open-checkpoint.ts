import { FormatError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import { type Component, markersOf, namingOf, type TensorShapes } from '../key-maps/namings.ts';
import { refuseOtherNetwork } from '../recognise/recognise.ts';
import { applyScales, type Companion } from '../tensors/apply-scales.ts';
import { openTensorStore } from '../tensors/open-tensor-store.ts';
import { findPrefix, networksIn, underPrefix } from '../tensors/prefix.ts';
import type { ReadMemory } from '../tensors/read-memory.ts';
import { requireReadable, type TensorDescription, type TensorStore } from '../tensors/tensor-store.ts';
import type { Checkpoint } from './checkpoint.ts';
import { findFiles, requireListed } from './component-files.ts';
import type { SourceFolder } from './source-folder.ts';
import { openPart, partsOf, requirePart } from './split-files.ts';

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
    checkDtype: (name) => requireReadable(find(name), name, `${component}/${name}`, { component }),
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
  throw new FormatError(
    `${path} must hold ${component}, with ${expected.join(' or ')}, got ${holds || 'no tensor'}; was the file given for another part?`,
    {
      code: 'format/tensor-missing',
      details: { component, path, expected, got: networks },
    },
  );
}

function locate(component: Component, path: string, file: TensorStore, located: Map<string, TensorStore>): void {
  for (const name of file.tensors.keys()) {
    if (located.has(name)) {
      throw new FormatError(
        `${component}: tensor ${name} must be in one shard, got it again in ${path}; get all shards from one place`,
        {
          code: 'format/tensor-unexpected',
          details: { component, tensor: name, path },
        },
      );
    }
    located.set(name, file);
  }
}
