import type { Precision } from '@flux-srpo/core';
import type { InferenceSession } from 'onnxruntime-common';
import type { Backend } from './backend.ts';
import { createCpuMemory } from './cpu-memory.ts';
import { createLedger } from './ledger.ts';
import type { OrtModule } from './memory.ts';
import { mutexOf } from './mutex.ts';
import { createStage } from './stage.ts';
import { createStages } from './stages.ts';

export interface CpuBackendOptions {
  name: 'node' | 'wasm';
  precision: Precision;
  ort: OrtModule;
  runtimeVersion: string;
  sessionOptions: InferenceSession.SessionOptions;
}

/** A backend whose tensors are JavaScript's own memory. */
export function createCpuBackend({ name, precision, ort, runtimeVersion, sessionOptions }: CpuBackendOptions): Backend {
  const ledger = createLedger();
  const stages = createStages();
  return {
    name,
    ledger,
    info: { runtimeVersion, precision },
    openStage: async (label) =>
      stages.add(
        createStage({ label, ort, mutex: mutexOf(ort), ledger, memory: createCpuMemory(ort, sessionOptions) }),
      ),
    dispose: stages.closeAll,
  };
}
