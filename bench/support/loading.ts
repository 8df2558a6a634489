import { type ManifestChunk, manifestChunks, modelParts } from '@flux-srpo/core';
import type { Bytes } from '@flux-srpo/formats';
import {
  type Backend,
  type Bundle,
  type BundleFiles,
  type ChunkStore,
  loadPart,
  openBundle,
  type Stage,
} from '@flux-srpo/runtime';

/**
 * `raw`: chunks of the blocks' files read and thrown away. `placed`: read and put on the device as
 * they are. `hashed`: as many bytes of memory by SHA-256, and nothing else. `least`: read, hashed
 * and placed, and nothing else. `loaded`: what the library does, the first time in a session, and
 * `again` from the third time on.
 */
export const LOAD_STEPS = ['raw', 'placed', 'hashed', 'least', 'loaded', 'again'] as const;
export type LoadStep = (typeof LOAD_STEPS)[number];

/** MB (10⁶ bytes on disk) a second of each round. */
export type LoadRates = Record<LoadStep, number[]>;

/** Where bytes come from. */
export interface Place {
  files: BundleFiles;
  store?: ChunkStore;
  /** Reads a chunk in the plainest way that the place has. */
  read(chunk: ManifestChunk, into: ArrayBuffer): Promise<Bytes>;
}

/** Chunks in flight, each in memory of its own: `subtle` fills two cores so. */
const LANES = 2;

/**
 * How fast blocks get from their files to the device. Every round does all steps one after another,
 * so that a busy machine slows each of them.
 *
 * @param onStep is called before each step, and with `end` after it
 */
export async function measureLoading(
  { files, store, read }: Place,
  backend: Backend,
  rounds: number,
  onStep: (step: LoadStep | 'end') => void,
): Promise<LoadRates> {
  const { manifest } = await openBundle(files);
  const stage = await backend.openStage('load');
  const blocks = modelParts(manifest.config).filter(({ use }) => use === 'step');
  const listed = new Map(manifest.parts.map((part) => [part.name, part]));
  const paths = new Set(blocks.map(({ name }) => listed.get(name)!.weights));
  const chunks = [...manifestChunks(manifest)].filter(({ path }) => paths.has(path));
  const total = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
  const rates = Object.fromEntries(LOAD_STEPS.map((step) => [step, [] as number[]])) as LoadRates;
  const measure = async (step: LoadStep, act: () => Promise<void>): Promise<void> => {
    onStep(step);
    const since = performance.now();
    await act();
    rates[step].push(total / 1000 / (performance.now() - since));
    await freeDestroyed();
    onStep('end');
  };
  /** A device frees destroyed buffers when it is next given work. */
  const freeDestroyed = async (): Promise<void> => {
    const tensor = await stage.upload('float32', [4], async (write) => write(0, new Uint8Array(16)));
    await stage.read(tensor);
    tensor.dispose();
  };
  const inLanes = async (act: (chunk: ManifestChunk, memory: ArrayBuffer) => Promise<unknown>): Promise<void> => {
    const next = chunks.values();
    const lanes = Array.from({ length: LANES }, async () => {
      const memory = new ArrayBuffer(manifest.chunk_bytes);
      for (const chunk of next) await act(chunk, memory);
    });
    await Promise.all(lanes);
  };
  const place = async (bytes: Bytes): Promise<void> => {
    (await stage.upload('uint8', [bytes.length], async (write) => write(0, bytes))).dispose();
  };
  const load = async (bundle: Bundle): Promise<void> => {
    for (const { name } of blocks) {
      const { inputs } = await sessionOf(stage, bundle, bundle.part(name).graph as string);
      (await loadPart(stage, bundle, name, inputs)).dispose();
    }
  };
  try {
    for (let round = 0; round < rounds; round++) {
      const bundle = await openBundle(files, { store });
      for (const { name } of blocks) await sessionOf(stage, bundle, bundle.part(name).graph as string);
      await measure('raw', () => inLanes(read));
      await measure('placed', () => inLanes(async (chunk, memory) => place(await read(chunk, memory))));
      await measure('hashed', () => inLanes(async ({ bytes }, memory) => digest(new Uint8Array(memory, 0, bytes))));
      await measure('least', () =>
        inLanes(async (chunk, memory) => {
          const bytes = await read(chunk, memory);
          await digest(bytes);
          await place(bytes);
        }),
      );
      await measure('loaded', () => load(bundle));
      await load(bundle);
      await measure('again', () => load(bundle));
      await bundle.close();
    }
  } finally {
    await stage.close();
    await backend.dispose();
  }
  return rates;
}

/** Reads through the source of each file, which is opened once. */
export function plainReads(files: BundleFiles): Place['read'] {
  const sources = new Map<string, ReturnType<BundleFiles['open']>>();
  return async ({ path, offset, bytes }, into) => {
    const source = sources.get(path) ?? files.open(path);
    sources.set(path, source);
    return (await source).read(offset, bytes, undefined, into);
  };
}

function digest(bytes: Bytes): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', bytes);
}

function sessionOf(stage: Stage, bundle: Bundle, graph: string) {
  return stage.session(graph, () => bundle.graph(graph));
}
