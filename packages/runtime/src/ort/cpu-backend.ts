import type { Precision } from '@flux-srpo/core';
import type { InferenceSession } from 'onnxruntime-common';
import type { Backend, BackendHooks } from './backend.ts';
import { createCpuMemory } from './cpu-memory.ts';
import type { OrtModule } from './memory.ts';
import type { Packing } from './packed-model.ts';
import { createStage } from './stage.ts';
import { closeStages, createStageContext, type StageContext } from './stage-context.ts';

/**
 * Of sessions, as `extra`. Threads that wait by spinning halve the speed of a machine that has
 * anything else to do; measured on two busy cores, in Node and in wasm.
 */
export const NO_SPINNING = { session: { intra_op: { allow_spinning: '0' } } };

export interface CpuBackendOptions {
  name: 'node' | 'wasm';
  precision: Precision;
  ort: OrtModule;
  runtimeVersion: string;
  sessionOptions: InferenceSession.SessionOptions;
  /** Absent where kernels gain nothing by constant weights. */
  packing?: Packing;
  hooks?: BackendHooks;
  explainLoading?: StageContext['explainLoading'];
}

/** A backend whose tensors are JavaScript's own memory. */
export function createCpuBackend(options: CpuBackendOptions): Backend {
  const { name, precision, ort, runtimeVersion, sessionOptions, packing, hooks = {}, explainLoading } = options;
  const context = createStageContext(ort, hooks, explainLoading);
  return {
    name,
    ledger: context.ledger,
    info: { runtimeVersion, precision, ...(packing && { packing: packing.size }) },
    openStage: async (label) => createStage(context, label, createCpuMemory(ort, sessionOptions, packing)),
    dispose: () => closeStages(context),
  };
}
