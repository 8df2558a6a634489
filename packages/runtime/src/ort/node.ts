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
      // Threads that wait by spinning halve the speed of a machine that has anything else to do; measured on two busy cores.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    },
  });
}
