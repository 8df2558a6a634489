import { mayTryMemory, type Precision } from '@flux-srpo/core';
import type { Env } from 'onnxruntime-common';
import { canUseHalves, reportAdapter, requestAdapter } from './adapter.ts';
import type { Backend, BackendHooks, MemoryTrials } from './backend.ts';
import { choosePrecision } from './choose-precision.ts';
import { createCpuBackend, NO_SPINNING } from './cpu-backend.ts';
import { createCpuMemory } from './cpu-memory.ts';
import { openDevice } from './device.ts';
import { createGpuMemory } from './gpu-memory.ts';
import type { HalfGraphs } from './half-graphs.ts';
import { type Rung, rungsOf } from './ladder.ts';
import type { OrtModule } from './memory.ts';
import { type SelfTestOptions, selfTest } from './self-test.ts';
import { findShaderFix } from './shader-fix.ts';
import { createStage } from './stage.ts';
import { closeStages, createStageContext, renewedContext, type StageContext } from './stage-context.ts';
import { tryMemory } from './try-memory.ts';
import { defaultVerdictStore } from './verdict-store.ts';
import { explainWasm, fetchWasm } from './wasm-file.ts';

/**
 * onnxruntime-web: the wasm provider, and WebGPU through its JSPI build where the browser has it,
 * else through asyncify. Call these in a dedicated worker: a trap or a hang in WebAssembly is only
 * survived by replacing the thread.
 */

export type WebGpuBuild = 'jspi' | 'asyncify';

export interface WasmBackendOptions {
  /** Where the `.wasm` file is served; default: beside the runtime's module. */
  wasmUrl?: string;
  /** SHA-256 of the file at `wasmUrl`, in lower-case hex. Another file is never run. */
  wasmSha256?: string;
  hooks?: BackendHooks;
  /**
   * Threads of one operator on the CPU. Several need a page that is cross-origin isolated;
   * elsewhere it is one, whatever is asked for.
   * @default 1
   */
  threads?: number | undefined;
}

export interface WebGpuBackendOptions extends WasmBackendOptions {
  /**
   * Default: `jspi` where WebAssembly can suspend (10 MB smaller, faster, survives a failed run),
   * else `asyncify`.
   */
  build?: WebGpuBuild;
  /** Least limits the caller needs, by WebGPU name; checked before a device is made. */
  requiredLimits?: Readonly<Record<string, number>>;
  /**
   * Which variant of a graph runs, where a bundle has both. `auto` is `f16` where the adapter has
   * `shader-f16` and its kernels passed the self-test; asking for `f16` elsewhere is an error.
   * @default 'auto'
   */
  precision?: 'auto' | Precision;
  /** Leaves kernels above this rung unused. Default: the adapter's best that pass the self-test. */
  highestRung?: Rung;
  /** The model's, which must be right in halves before they are used: `halfGraphsOf(bundle)`. */
  halfGraphs?: HalfGraphs | undefined;
  /** `false` skips the known-answer test: only where the same adapter was tested by other means. */
  selfTest?: SelfTestOptions | false;
  /**
   * Whether a pipeline without a budget may try how much memory the device gives.
   * @default where that is not known to end badly
   */
  memoryTrial?: boolean;
  /**
   * Imports onnxruntime-web anew, for stages that are opened after it broke. Absent: whoever gets
   * `device/worker-failed` replaces the thread.
   */
  renewRuntime?: (build: WebGpuBuild) => Promise<WebModule>;
}

export interface WebModule extends OrtModule {
  readonly env: Env;
}

/** onnxruntime-web on the CPU. */
export async function createWasmBackend(options: WasmBackendOptions = {}): Promise<Backend> {
  const ort = await configure(await import('onnxruntime-web/wasm'), options, threadCount(options.threads));
  return createCpuBackend({
    name: 'wasm',
    precision: 'f32',
    ort,
    runtimeVersion: versionOf(ort),
    sessionOptions: { executionProviders: ['wasm'], extra: NO_SPINNING },
    explainLoading: () => explainWasm(options.wasmUrl),
    ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
  });
}

/** onnxruntime-web on WebGPU, one device per stage, with kernels that passed the self-test. */
export async function createWebGpuBackend(options: WebGpuBackendOptions = {}): Promise<Backend> {
  const found = await requestAdapter();
  const adapter = reportAdapter(found);
  const shaderFix = await findShaderFix(found);
  const build = options.build ?? ('Suspending' in WebAssembly ? 'jspi' : 'asyncify');
  const ort = await configure(
    build === 'jspi' ? await import('onnxruntime-web/jspi') : await import('onnxruntime-web/webgpu'),
    options,
    1,
  );
  const runtimeVersion = versionOf(ort);
  let context = createStageContext(ort, options.hooks ?? {}, () => explainWasm(options.wasmUrl));
  const { ledger } = context;
  const soundContext = async (): Promise<StageContext> => {
    if (context.mutex.isPoisoned && options.renewRuntime !== undefined)
      context = renewedContext(context, await configure(await options.renewRuntime(build), options, 1));
    return context;
  };

  const { requiredLimits = {} } = options;
  const rungs = rungsOf(adapter, options.highestRung);
  const openStage = async (label: string, rung: Rung, onProgram?: (name: string) => void) => {
    const sound = await soundContext();
    const open = await openDevice({ label, ledger, rung, requiredLimits, shaderFix, onProgram });
    const memory = createGpuMemory({ ort: sound.ort, open, isBrokenByFailure: build === 'asyncify' });
    return createStage(sound, label, memory);
  };

  // The same module's CPU provider. A second module would be a second download.
  const openCpuStage = async (label: string) => {
    const sound = await soundContext();
    return createStage(sound, label, createCpuMemory(sound.ort, { executionProviders: ['wasm'] }));
  };

  const verdict =
    options.selfTest === false
      ? undefined
      : await selfTest(
          {
            adapter,
            rungs,
            runtimeVersion: `${runtimeVersion} ${build}`,
            shaderFix,
            halfGraphs: options.halfGraphs,
            openStage,
          },
          options.selfTest,
        );
  const rung = verdict?.rung ?? rungs[0]!;
  const precision = choosePrecision(options.precision ?? 'auto', canUseHalves(adapter), verdict);
  ledger.resetPeaks();

  const memoryTrials: MemoryTrials = {
    store: (options.selfTest === false ? undefined : options.selfTest?.store) ?? defaultVerdictStore(),
    run: async (pieces) => tryMemory(await openDevice({ label: 'memory trial', ledger, rung }), pieces),
  };

  return {
    name: 'webgpu',
    ledger,
    ...((options.memoryTrial ?? mayTryMemory(adapter, globalThis.navigator)) && { memoryTrials }),
    info: {
      runtimeVersion,
      build,
      adapter,
      precision,
      ...(shaderFix === undefined ? {} : { shaderFix }),
      ...(verdict === undefined ? {} : { selfTest: verdict }),
    },
    openStage: (label, on) => (on === 'cpu' ? openCpuStage(label) : openStage(label, rung)),
    dispose: () => closeStages(context),
  };
}

/**
 * Where this worker was started by onnxruntime-web as one of its threads, from the module that has
 * both in one file: serves as that thread. Elsewhere does nothing.
 */
export function serveAsThread(): boolean {
  const { name } = globalThis as { name?: unknown };
  const isThread = typeof name === 'string' && name.startsWith(THREAD_NAME);
  // The module looks at the name itself.
  if (isThread) void import('onnxruntime-web/wasm');
  return isThread;
}

/** How onnxruntime-web names the workers that it starts. */
const THREAD_NAME = 'em-pthread';

/** Threads share memory, which browsers give to pages that are cross-origin isolated alone. */
function threadCount(asked = 1): number {
  return globalThis.crossOriginIsolated ? asked : 1;
}

/** Must come before any session. */
async function configure(
  ort: WebModule,
  { wasmUrl, wasmSha256 }: WasmBackendOptions,
  threads: number,
): Promise<WebModule> {
  const { wasm } = ort.env;
  wasm.numThreads = threads;
  if (wasmUrl !== undefined) wasm.wasmPaths = { wasm: wasmUrl };
  if (wasmUrl !== undefined && wasmSha256 !== undefined) wasm.wasmBinary = await fetchWasm(wasmUrl, wasmSha256);
  return ort;
}

function versionOf(ort: WebModule): string {
  return ort.env.versions.web ?? ort.env.versions.common;
}
