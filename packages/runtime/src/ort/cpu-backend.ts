import type { InferenceSession } from 'onnxruntime-common';
import type { Backend, Stage } from './backend.ts';
import { createCpuMemory } from './cpu-memory.ts';
import { createLedger } from './ledger.ts';
import type { OrtModule } from './memory.ts';
import { createMutex } from './mutex.ts';
import { createStage } from './stage.ts';

export interface CpuBackendOptions {
  name: 'node' | 'wasm';
  ort: OrtModule;
  runtimeVersion: string;
  sessionOptions: InferenceSession.SessionOptions;
}

/** A backend whose tensors are JavaScript's own memory. */
export function createCpuBackend({ name, ort, runtimeVersion, sessionOptions }: CpuBackendOptions): Backend {
  const ledger = createLedger();
  const mutex = createMutex();
  const stages = new Set<Stage>();
  return {
    name,
    ledger,
    info: { runtimeVersion },
    async openStage(label) {
      const stage = createStage({ label, ort, mutex, ledger, memory: createCpuMemory(ort, sessionOptions) });
      stages.add(stage);
      return stage;
    },
    async dispose() {
      await Promise.all([...stages].map((stage) => stage.close()));
      stages.clear();
    },
  };
}
