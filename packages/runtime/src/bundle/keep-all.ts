import { formatBytes, type ManifestChunk, manifestChunks, type Progress, retry } from '@flux-srpo/core';
import { pauseAfter } from '@flux-srpo/formats';
import type { KeepableBundle } from './bundle.ts';
import type { ChunkStore } from './chunk-cache.ts';
import { RETRY_DELAYS } from './http-file.ts';
import { RateMeter } from './rate-meter.ts';
import { firstOfGroup, type KeepableSource } from './verified-source.ts';

/** Requests at once: enough to fill a line whose round trip is long. */
const CONCURRENT = 4;

export interface KeepOptions {
  signal: AbortSignal;
  /**
   * Hears of every chunk that was fetched, and once at the end; `loaded` counts what is here.
   */
  onProgress: (progress: Progress) => void;
  /** Where it is shut, what is on its way is fetched to the end of its chunk, and no more. */
  gate?: { readonly isShut: boolean; pass(): Promise<void> } | undefined;
}

/**
 * Fetches every chunk that a bundle's store lacks, several at once: nothing needs a network from
 * then on. Ends where the store refuses. An abort, a failure or a crash costs the chunks on their
 * way; the next call fetches the others.
 *
 * @param bundle opened with this store
 */
export async function keepAll(
  { manifest, source }: KeepableBundle,
  store: ChunkStore,
  { signal, onProgress, gate }: KeepOptions,
): Promise<void> {
  const kept = await store.keys();
  const total = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const missing: ManifestChunk[] = [];
  for (const chunk of manifestChunks(manifest)) {
    if (kept.has(chunk.sha256)) continue;
    kept.add(chunk.sha256);
    missing.push(chunk);
  }
  const divided = manifest.files.find(
    ({ path, chunks }) => chunks.length > 1 && missing.some((chunk) => chunk.path === path),
  )?.path;
  const found = total - missing.reduce((sum, { bytes }) => sum + bytes, 0);
  const meter = new RateMeter();
  let loaded = found;
  const tell = (part: string): void => {
    const rate = meter.rate;
    const secondsLeft = rate === undefined || loaded === total ? undefined : (total - loaded) / rate;
    const rest = secondsLeft === undefined ? '' : `, ${formatSeconds(secondsLeft)} left`;
    const text = `Fetching the model, ${formatBytes(loaded)} of ${formatBytes(total)}${rest}`;
    const pace = secondsLeft === undefined ? {} : { rate: rate!, secondsLeft };
    onProgress({ stage: 'load', loaded, total, found, ...pace, part, fraction: loaded / total, text });
  };
  const count = ({ path, bytes }: ManifestChunk): void => {
    meter.add(bytes);
    loaded += bytes;
    if (loaded < total) tell(path);
  };

  /** All lanes end when one fails. */
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  /**
   * @param most chunks at once
   * @param into memory of a chunk's size, which a lane uses again: clean memory takes time
   * @returns the file whose chunks were fetched, undefined where none is left
   */
  const fetchNext = async (most: number, into?: ArrayBuffer): Promise<KeepableSource | undefined> => {
    await gate?.pass();
    either.throwIfAborted();
    const run = store.refusal === undefined ? takeRun(missing, most) : [];
    if (run[0] === undefined) return undefined;
    const [{ path, index }, { length }] = [run[0], run];
    const file = await source(path);
    const onChunk = (): boolean => {
      count(run.shift()!);
      return store.refusal === undefined && gate?.isShut !== true && !either.aborted;
    };
    await file.keep(index, index + length, { onChunk, signal: either, into });
    missing.unshift(...run);
    return file;
  };
  /** The rest of a file in one request, where its server has ignored a range. */
  const fetchWhole = (file: KeepableSource, into?: ArrayBuffer): Promise<boolean> => {
    const onChunk = async (index: number): Promise<boolean> => {
      const at = missing.findIndex((chunk) => chunk.path === file.name && chunk.index === index);
      if (at >= 0) count(missing.splice(at, 1)[0]!);
      await gate?.pass();
      return true;
    };
    return retry(() => file.keepWhole({ onChunk, signal: either, into }), {
      pauseAfter: (error, tries) => pauseAfter(error, RETRY_DELAYS[tries - 1]),
      signal,
    });
  };

  // The first chunk of several, alone, shows whether the server has ranges. Without, one file comes
  // after the other, each at once.
  missing.sort((a, b) => Number(b.path === divided) - Number(a.path === divided));
  const first = await fetchNext(1);
  const isWhole = first !== undefined && missing[0]?.path === first.name && (await fetchWhole(first));
  const lanes = Array.from({ length: isWhole ? 1 : CONCURRENT }, async () => {
    const memory = new ArrayBuffer(manifest.chunk_bytes);
    const most = isWhole ? 1 : Number.POSITIVE_INFINITY;
    try {
      for (let file = await fetchNext(most, memory); file !== undefined; file = await fetchNext(most, memory)) {
        if (isWhole && missing[0]?.path === file.name) await fetchWhole(file, memory);
      }
    } catch (error) {
      failing.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
  if (store.refusal === undefined) tell('manifest.json');
}

/** Takes chunks off the front that follow each other in one group, and so can be one request. */
function takeRun(missing: ManifestChunk[], most: number): ManifestChunk[] {
  let count = Math.min(missing.length, 1);
  for (; count > 0 && count < most; count++) {
    const [last, next] = [missing[count - 1]!, missing[count]];
    const isNext = next?.path === last.path && next.index === last.index + 1;
    if (!isNext || next.index === firstOfGroup(next.index)) break;
  }
  return missing.splice(0, count);
}

function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
