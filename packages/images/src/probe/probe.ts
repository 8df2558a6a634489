import {
  assertPlanned,
  type FluxError,
  isFluxError,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type Means,
  ModelError,
  NetworkError,
  parseManifest,
  planPicture,
  readBounded,
} from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { readManifest as readBundleManifest } from '@flux-srpo/runtime/bundle';
import type { Home } from '../client/home.ts';
import { KeptChunks } from '../store/kept-chunks.ts';
import { openOpfsBundle } from '../store/opfs/opfs-bundle.ts';
import { openModelsFolder, opfsModelId } from '../store/opfs/opfs-models.ts';
import { pickedBundle } from '../store/picked-bundle.ts';
import { offeredRoom, tooLittleRoom } from '../store/room.ts';
import type { LoadInput } from '../worker/protocol.ts';
import { expectedMemory } from './expected-memory.ts';
import type { Findings, ProbeReport } from './probe-report.ts';
import { probeSummary } from './probe-summary.ts';

/** Asks the adapter and reads the manifest. @param input absent where nothing is computed here */
export async function probe(input: LoadInput | undefined, signal: AbortSignal, home: Home): Promise<ProbeReport> {
  const findings = await find(input, signal, home);
  return { ...findings, summary: probeSummary(findings) };
}

async function find(input: LoadInput | undefined, signal: AbortSignal, home: Home): Promise<Findings> {
  const environment = await probeEnvironment();
  const reasons: ProbeReport['reasons'] = [];
  const note = (error: unknown): void => {
    if (!isFluxError(error)) throw error;
    reasons.push({ code: error.code, message: error.message });
  };
  if (input === undefined) return { ...environment, verdict: 'unsupported', reasons };
  try {
    home.assertCanCompute();
  } catch (error) {
    note(error);
    return { ...environment, verdict: 'unsupported', reasons };
  }
  // Settled, so that one failure does not hide the other.
  const [adapter, manifest] = await Promise.allSettled([home.probeAdapter(), readManifest(input, signal, home)]);
  signal.throwIfAborted();
  const found = adapter.status === 'fulfilled' ? { adapter: adapter.value } : {};
  const report = { ...environment, reasons, ...found };
  if (manifest.status === 'rejected') {
    note(manifest.reason);
    return { ...report, verdict: 'unsupported' };
  }
  const { identity, manifest: read } = manifest.value;
  const { model, name, licence, sizes, defaults } = read;
  const size = sizes[defaults.size];
  const asked = { ...found, memoryBudget: input.memoryBudget, precision: input.precision };
  const { basis, ...target } = await expectedMemory(read, identity, asked, home.verdicts);
  const means: Means = { ...asked, ...target };
  const facts = {
    model: { model, name, licence },
    download: read.files.reduce((sum, file) => sum + file.size, 0),
    memory: { size, basis, ...planPicture(read, size, means) },
  };
  let hasGpu = adapter.status === 'fulfilled';
  if (adapter.status === 'rejected') {
    note(adapter.reason);
  } else {
    if (adapter.value.isFallback) {
      reasons.push({ code: 'device/feature-missing', message: 'the only adapter is a software one, which is slow' });
    }
    // The default size may be too large for a machine that can do a smaller one.
    hasGpu = Object.values(sizes).some((preset) => planPicture(read, preset, means).refusals.length === 0);
    try {
      assertPlanned(facts.memory, size);
    } catch (error) {
      note(error);
    }
  }
  const notKept = home.openFiles?.(input.model) === undefined ? await whyNotKept(input, read) : undefined;
  if (notKept !== undefined) note(notKept);
  if (notKept !== undefined && input.keep === true) return { ...report, ...facts, verdict: 'unsupported' };
  const backend = input.backends.find((name) => name === 'wasm' || hasGpu);
  if (backend === undefined) return { ...report, ...facts, verdict: 'unsupported' };
  return { ...report, ...facts, backend, verdict: backend === 'webgpu' ? 'ready' : 'slow' };
}

/** Why `load` would not keep the model, as far as a page can tell. */
async function whyNotKept({ model, keep, folder }: LoadInput, manifest: Manifest): Promise<FluxError | undefined> {
  if (keep === false || folder !== undefined || opfsModelId(model) !== undefined) return undefined;
  try {
    const chunks = new KeptChunks(await openModelsFolder(), model);
    const [room, missing] = await Promise.all([offeredRoom(), chunks.missing(manifest)]);
    return room !== undefined && room < missing ? tooLittleRoom(missing, room) : undefined;
  } catch (error) {
    if (isFluxError(error, 'storage/')) return error;
    throw error;
  }
}

async function probeEnvironment(): Promise<Pick<ProbeReport, 'storage' | 'deviceMemory' | 'isCrossOriginIsolated'>> {
  const { storage, deviceMemory } = (globalThis.navigator ?? {}) as Partial<Navigator> & { deviceMemory?: number };
  // Refused in some private windows.
  const estimate = await storage?.estimate?.().catch(() => undefined);
  return {
    ...(estimate?.quota === undefined ? {} : { storage: { quota: estimate.quota, usage: estimate.usage ?? 0 } }),
    ...(deviceMemory === undefined ? {} : { deviceMemory }),
    isCrossOriginIsolated: globalThis.crossOriginIsolated ?? false,
  };
}

interface ReadManifest {
  manifest: Manifest;
  /** SHA-256 of its bytes. */
  identity: string;
}

async function readManifest(
  { model, folder: picked }: LoadInput,
  signal: AbortSignal,
  home: Home,
): Promise<ReadManifest> {
  const id = picked === undefined ? opfsModelId(model) : undefined;
  const files =
    home.openFiles?.(model) ??
    (picked && pickedBundle(model, picked)) ??
    (id === undefined ? undefined : await openOpfsBundle(id));
  if (files === undefined) return fetchManifest(new URL('manifest.json', folder(model)), signal);
  return parsed((await readBundleManifest(files)).bytes);
}

async function fetchManifest(url: URL, signal: AbortSignal): Promise<ReadManifest> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new NetworkError(`${url} could not be fetched`, { code: 'network/unreachable', cause });
  }
  if (!response.ok) {
    throw new ModelError(`there is no model at ${url}: the server answered ${response.status}`, {
      code: 'model/not-found',
      details: { status: response.status },
    });
  }
  const bytes = await readBounded(response, {
    maxBytes: MAX_MANIFEST_BYTES,
    tooLarge: (max) =>
      new ModelError(`${url} must be at most ${max} bytes, got more`, { code: 'model/manifest-invalid' }),
  });
  return parsed(bytes);
}

async function parsed(bytes: Uint8Array): Promise<ReadManifest> {
  return { manifest: parseManifest(new TextDecoder().decode(bytes)), identity: await sha256Hex(bytes) };
}

function folder(url: string): URL {
  const base = new URL(url);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}
