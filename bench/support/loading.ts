import { modelParts } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import { type Backend, type Bundle, type BundleFiles, loadPart, openBundle, type Stage } from '@flux-srpo/runtime';

/** Bytes read at a time: what `loadPart` asks for, and the size of a bundle's chunk. */
const PIECE_BYTES = 8 * 1024 * 1024;

/** Rates in MB (10⁶ bytes) per second, counted in bytes on disk. */
export interface LoadRates {
  /** The same bytes, read and thrown away. */
  raw: number;
  /** Read and compared with the manifest's hashes. */
  verified: number;
  /** Read, compared, widened where the graph asks for it, and put on the device. */
  loaded: number;
  /** In Node: by CPU seconds of the whole process, which a busy machine does not change. */
  byCpu?: { raw: number; verified: number; loaded: number };
}

/**
 * How fast blocks get from their files to the device, beside reading them and doing nothing. Every
 * round does all three one after another, so that a busy machine slows each of them; the best round
 * counts.
 */
export async function measureLoading(files: BundleFiles, backend: Backend, rounds: number): Promise<LoadRates> {
  const bundle = await openBundle(files);
  const stage = await backend.openStage('load');
  const blocks = modelParts(bundle.manifest.config).filter(({ use }) => use === 'step');
  const parts = blocks.map(({ name }) => bundle.part(name));
  const listed = new Map(bundle.manifest.files.map(({ path, size }) => [path, size]));
  const paths = parts.map(({ weights }) => weights as string);
  const bytes = paths.reduce((sum, path) => sum + (listed.get(path) ?? 0), 0);
  for (const { graph } of parts) await sessionOf(stage, bundle, graph as string);

  const best = { raw: 0, verified: 0, loaded: 0 };
  const byCpu = { raw: 0, verified: 0, loaded: 0 };
  const cpuUsage = globalThis.process?.cpuUsage;
  const measure = async (kind: keyof typeof best, each: (path: string, i: number) => Promise<void>) => {
    const started = performance.now();
    const cpuStarted = cpuUsage?.();
    for (const [i, path] of paths.entries()) await each(path, i);
    best[kind] = Math.max(best[kind], bytes / 1000 / (performance.now() - started));
    const { user, system } = cpuUsage?.(cpuStarted) ?? { user: 0, system: 0 };
    byCpu[kind] = Math.max(byCpu[kind], bytes / (user + system));
  };
  try {
    for (let round = 0; round < rounds; round++) {
      await measure('raw', async (path) => {
        const source = await files.open(path, listed.get(path));
        await readAll(source);
        await source.close?.();
      });
      await measure('verified', async (path) => readAll(await bundle.source(path)));
      await measure('loaded', async (_path, i) => {
        const { name, graph } = parts[i] as (typeof parts)[0];
        const { inputs } = await sessionOf(stage, bundle, graph as string);
        (await loadPart(stage, bundle, name, inputs)).dispose();
      });
    }
  } finally {
    await stage.close();
    await backend.dispose();
    await bundle.close();
  }
  return cpuUsage === undefined ? best : { ...best, byCpu };
}

function sessionOf(stage: Stage, bundle: Bundle, graph: string) {
  return stage.session(graph, () => bundle.graph(graph));
}

async function readAll(source: ByteSource): Promise<void> {
  for (let at = 0; at < source.size; at += PIECE_BYTES) await source.read(at, Math.min(PIECE_BYTES, source.size - at));
}
