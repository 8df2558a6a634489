import * as ort from 'onnxruntime-node';
import type { Backend } from './backend.ts';
import { createCpuBackend } from './cpu-backend.ts';

export interface NodeBackendOptions {
  /** Threads of one operator; default: one per core. */
  threads?: number;
}

/** onnxruntime-node on the CPU. */
export async function createNodeBackend(options: NodeBackendOptions = {}): Promise<Backend> {
  return createCpuBackend({
    name: 'node',
    ort,
    runtimeVersion: ort.env.versions.node ?? ort.env.versions.common,
    sessionOptions: {
      executionProviders: ['cpu'],
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    },
  });
}
