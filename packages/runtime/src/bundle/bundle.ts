import {
  type BundleFile,
  type BundlePart,
  type Manifest,
  ModelError,
  type Precision,
  parseManifest,
} from '@flux-srpo/core';
import { readSafetensors, type Safetensors, sha256Hex } from '@flux-srpo/formats';
import type { BundleFiles } from './bundle-files.ts';
import { ChunkCache, type ChunkStore } from './chunk-cache.ts';
import { ChunkChecks } from './chunk-checks.ts';
import { requireHarmless } from './harmless-graph.ts';
import { readManifest } from './read-manifest.ts';
import { type KeepableSource, type VerifiedSource, verifiedSource } from './verified-source.ts';

/** A read needs up to two chunks; two more are fetched ahead. */
const CACHED_CHUNKS = 4;

/** An opened bundle. Bytes that differ from the manifest's hashes are an error. */
export interface Bundle {
  readonly manifest: Manifest;
  /** Lower-case hex SHA-256 of the manifest's bytes. */
  readonly identity: string;
  /** Where it came from, for messages. */
  readonly name: string;
  /** A listed file, whole. */
  read(path: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** A listed file, in ranges. Closed with the bundle. */
  source(path: string): Promise<VerifiedSource>;
  /** The bytes of a graph, a harmless one: its variant of that precision, where it has one. */
  graph(name: string, precision?: Precision): Promise<Uint8Array<ArrayBuffer>>;
  part(name: string): BundlePart;
  /** The tensors of a part. */
  weights(part: string): Promise<Safetensors>;
  close(): Promise<void>;
}

/** A bundle that can be kept. */
export interface KeepableBundle extends Bundle {
  source(path: string): Promise<KeepableSource>;
}

export interface OpenBundleOptions {
  /** What the manifest must hash to, lower-case hex SHA-256. */
  sha256?: string | undefined;
  /** Keeps what was read and checked, and is asked before `files` are. */
  store?: ChunkStore | undefined;
  /** Called when a read of `files` has ended, well or not. */
  onRead?: (() => void) | undefined;
}

export async function openBundle(
  from: BundleFiles,
  { sha256, store, onRead }: OpenBundleOptions = {},
): Promise<KeepableBundle> {
  const files = onRead === undefined ? from : toldFiles(from, onRead);
  const { bytes, json } = await readManifest(files);
  const identity = await sha256Hex(bytes);
  if (sha256 !== undefined && identity !== sha256) {
    throw new ModelError(
      `manifest.json of ${from.name} must hash to ${sha256}, got ${identity}; check the address and the hash`,
      { code: 'model/hash-mismatch', details: { path: 'manifest.json', expected: sha256, got: identity } },
    );
  }
  const manifest = parseManifest(json);

  const listed = new Map(manifest.files.map((file): [string, BundleFile] => [file.path, file]));
  const parts = new Map(manifest.parts.map((part): [string, BundlePart] => [part.name, part]));
  const { chunk_bytes: chunkBytes } = manifest;
  const reading = { chunkBytes, cache: new ChunkCache(CACHED_CHUNKS, chunkBytes), checks: new ChunkChecks(), store };
  const sources = new Map<string, Promise<KeepableSource>>();
  const tensors = new Map<string, Promise<Safetensors>>();

  async function openSource(path: string): Promise<KeepableSource> {
    const file = listed.get(path);
    if (file === undefined) throw notListed(path);
    const raw = await files.open(path, file.size);
    try {
      return verifiedSource(raw, file, reading);
    } catch (error) {
      await raw.close?.();
      throw error;
    }
  }

  const bundle: KeepableBundle = {
    manifest,
    identity,
    name: files.name,
    async read(path, signal) {
      const source = await bundle.source(path);
      return source.read(0, source.size, signal);
    },
    source: (path) => once(sources, path, () => openSource(path)),
    async graph(name, precision = 'f32') {
      const path = (precision === 'f16' ? manifest.graphs_f16?.[name] : undefined) ?? manifest.graphs[name];
      if (path === undefined) throw notListed(`graph "${name}"`);
      const bytes = await bundle.read(path);
      requireHarmless(name, bytes);
      return bytes;
    },
    part(name) {
      const part = parts.get(name);
      if (part === undefined) throw notListed(`part "${name}"`);
      return part;
    },
    weights: (name) =>
      once(tensors, name, async () => {
        const { weights } = bundle.part(name);
        if (weights === undefined) throw notListed(`weights of part "${name}"`);
        return readSafetensors(await bundle.source(weights));
      }),
    async close() {
      const opened = await Promise.allSettled(sources.values());
      sources.clear();
      tensors.clear();
      reading.cache.clear();
      for (const result of opened) if (result.status === 'fulfilled') await result.value.close?.();
    },
  };
  return bundle;

  function notListed(what: string): ModelError {
    return new ModelError(`${what} must be in the manifest of ${files.name}, got none; convert the model again`, {
      code: 'model/file-missing',
      details: { bundle: files.name, what },
    });
  }
}

/** The files, every read of which is told when it ends. */
function toldFiles(files: BundleFiles, onRead: () => void): BundleFiles {
  return {
    name: files.name,
    async open(...args) {
      const source = await files.open(...args);
      const { whole } = source;
      return {
        ...source,
        read: (...range) => source.read(...range).finally(onRead),
        ...(whole && { whole: (signal) => toldPieces(whole(signal), onRead) }),
      };
    },
  };
}

function toldPieces(
  pieces: AsyncIterable<Uint8Array> | undefined,
  onRead: () => void,
): AsyncIterable<Uint8Array> | undefined {
  if (pieces === undefined) return undefined;
  return (async function* () {
    for await (const piece of pieces) {
      onRead();
      yield piece;
    }
  })();
}

/** The value under `key`, made at most once unless making it failed. */
function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  let value = made.get(key);
  if (value === undefined) {
    value = make();
    made.set(key, value);
    value.catch(() => made.delete(key));
  }
  return value;
}
