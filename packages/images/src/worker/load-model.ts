import { isFluxError, type Progress, requiredLimits, residencyOf, toWireError, type WireError } from '@flux-srpo/core';
import {
  type Backend,
  type BackendHooks,
  createPipeline,
  createWasmBackend,
  createWebGpuBackend,
  halfGraphsOf,
  keepAll,
  openBundle,
  type Pipeline,
  type WebGpuBackendOptions,
} from '@flux-srpo/runtime';
import type { Home } from '../client/home.ts';
import type { OpenedModel } from '../store/open-model.ts';
import { modelFacts } from '../wire/model.ts';
import type { LoadInput, LocalModel, ModelMemory } from './protocol.ts';
import { isUnsupported } from './recovery.ts';

export interface HostOptions {
  /** `false` trusts the GPU without the known-answer tests. */
  selfTest?: WebGpuBackendOptions['selfTest'];
  /** Bundles that no `fetch` reaches. */
  openFiles?: Home['openFiles'];
  /** Gives this thread `navigator.gpu`, where it has none of itself. */
  installGpu?: () => Promise<void>;
}

export interface LoadingOptions extends HostOptions {
  hooks: BackendHooks;
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
}

/** A model that can generate. */
export interface LoadedPipeline {
  readonly pipeline: Pipeline;
  readonly model: LocalModel;
  /** Gives everything back: weights, device, files, and the lock on what is stored. */
  close(): Promise<void>;
}

type Closer = () => unknown;

/**
 * Loads a model that was opened. A failure leaves nothing open.
 *
 * @param opened belongs to the result, and is released after a failure
 */
export async function loadModel(
  opened: OpenedModel,
  input: LoadInput,
  options: LoadingOptions,
): Promise<LoadedPipeline> {
  const closers: Closer[] = [opened.release];
  try {
    return await start(opened, input, options, closers);
  } catch (error) {
    // The first failure is the one to tell.
    await closeAll(closers).catch(() => undefined);
    throw error;
  }
}

/** @param closers gets one for everything that is opened here */
async function start(
  opened: OpenedModel,
  input: LoadInput,
  { hooks, signal, onProgress, selfTest, installGpu }: LoadingOptions,
  closers: Closer[],
): Promise<LoadedPipeline> {
  const { files, chunks, isImported } = opened;
  const bundle = await openBundle(files, { sha256: input.sha256, store: chunks, onRead: hooks.onFinished });
  closers.push(() => bundle.close());
  const { manifest } = bundle;
  const refusal = () => opened.refusal ?? chunks?.refusal;
  const assertKept = (): void => {
    const reason = refusal();
    if (input.keep === true && reason !== undefined) throw reason;
  };
  // Before the first byte of a file.
  await chunks?.begin(manifest, input.keep === true);
  assertKept();
  const { backend, fallback } = await createBackend(input, hooks, installGpu, {
    requiredLimits: requiredLimits(manifest),
    halfGraphs: halfGraphsOf(bundle),
    ...(selfTest === undefined ? {} : { selfTest }),
  });
  closers.push(() => backend.dispose());
  const { memoryBudget, memoryTarget, precision } = input;
  const memory = memoryTarget === undefined ? { memoryBudget } : { memoryTarget };
  const pipeline = await createPipeline({ bundle, backend, precision, ...memory });
  closers.push(() => pipeline.unload());
  if (chunks !== undefined) await keepAll(bundle, chunks, { signal, onProgress });
  await chunks?.end(manifest);
  assertKept();
  await pipeline.prepare();
  const notKept = refusal();
  const model: LocalModel = {
    ...modelFacts(manifest),
    name: manifest.name,
    licence: manifest.licence,
    examples: manifest.examples ?? [],
    backend: backend.name === 'webgpu' ? 'webgpu' : 'wasm',
    compute: backend.info,
    fingerprint: pipeline.fingerprint,
    memory: modelMemory(pipeline),
    isKept: isImported || (chunks !== undefined && notKept === undefined),
    ...(notKept === undefined ? {} : { notKept: toWireError(notKept) }),
    ...(fallback === undefined ? {} : { fallback }),
  };
  return { pipeline, model, close: () => closeAll(closers) };
}

function modelMemory(pipeline: Pipeline): ModelMemory {
  const { sizes, defaults } = pipeline.bundle.manifest;
  const plan = pipeline.plan({ prompt: 'any', size: sizes[defaults.size] });
  return { residency: residencyOf(plan), peak: plan.peak, readPerStep: plan.readPerStep };
}

/** Calls all of them, the latest first. Rejects where one fails, once all were called. */
async function closeAll(closers: Closer[]): Promise<void> {
  const close = closers.pop();
  if (close === undefined) return;
  try {
    await close();
  } finally {
    await closeAll(closers);
  }
}

async function createBackend(
  { backends: [first, second], wasmUrl, wasmSha256, threads, precision = 'auto' }: LoadInput,
  hooks: BackendHooks,
  installGpu: HostOptions['installGpu'],
  gpuOptions: WebGpuBackendOptions,
): Promise<{ backend: Backend; fallback?: WireError }> {
  const options = { hooks, ...(wasmUrl !== undefined && { wasmUrl }), ...(wasmSha256 !== undefined && { wasmSha256 }) };
  if (first === 'wasm') return { backend: await createWasmBackend({ ...options, threads }) };
  try {
    await installGpu?.();
    return { backend: await createWebGpuBackend({ ...options, ...gpuOptions, precision }) };
  } catch (error) {
    if (second === undefined || !isFluxError(error) || !isUnsupported(error)) throw error;
    return { backend: await createWasmBackend({ ...options, threads }), fallback: toWireError(error) };
  }
}
