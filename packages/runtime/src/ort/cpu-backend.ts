import type { Precision } from '@flux-srpo/core';
import type { InferenceSession } from 'onnxruntime-common';
import type { Backend, BackendHooks } from './backend.ts';
import { createCpuMemory } from './cpu-memory.ts';
import type { OrtModule } from './memory.ts';
import { closeStages, createStage, createStageContext } from './stage.ts';

export interface CpuBackendOptions {
  name: 'node' | 'wasm';
  precision: Precision;
  ort: OrtModule;
  runtimeVersion: string;
  sessionOptions: InferenceSession.SessionOptions;
  hooks?: BackendHooks;
}

/** A backend whose tensors are JavaScript's own memory. */
export function createCpuBackend(options: CpuBackendOptions): Backend {
  const { name, precision, ort, runtimeVersion, sessionOptions, hooks = {} } = options;
  const context = createStageContext(ort, hooks);
  return {
    name,
    ledger: context.ledger,
    info: { runtimeVersion, precision },
    openStage: async (label) => createStage(context, label, createCpuMemory(ort, sessionOptions)),
    dispose: () => closeStages(context),
  };
}
