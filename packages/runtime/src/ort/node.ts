import { DeviceError, type Precision } from '@flux-srpo/core';
import type { Backend } from './backend.ts';
import { createCpuBackend, NO_SPINNING } from './cpu-backend.ts';
import { type AccuracyLevel, PACKED_SIZES, packedModel } from './packed-model.ts';

export interface NodeBackendOptions {
  /** Threads of one operator; default: one per core. */
  threads?: number;
  /**
   * `f16` runs the graphs in half precision where a bundle has them, with exact sums: what a GPU's
   * halves do to a picture, slowly.
   * @default 'f32'
   */
  precision?: Precision;
  /** @default 0 */
  accuracyLevel?: AccuracyLevel | undefined;
}

/** onnxruntime-node on the CPU. */
export async function createNodeBackend(options: NodeBackendOptions = {}): Promise<Backend> {
  const ort = await importRuntime();
  const level = options.accuracyLevel ?? 0;
  return createCpuBackend({
    name: 'node',
    ort,
    precision: options.precision ?? 'f32',
    packing: { pack: (graph, weights) => packedModel(graph, weights, level), size: PACKED_SIZES[level] },
    runtimeVersion: ort.env.versions.node ?? ort.env.versions.common,
    sessionOptions: {
      executionProviders: ['cpu'],
      extra: NO_SPINNING,
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    },
  });
}

/** Imported when it is needed: commands that only convert or inspect run without it. */
async function importRuntime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    throw new DeviceError(
      'onnxruntime-node must be installed to compute in Node, and could not be loaded; run "npm i onnxruntime-node@1.30.0"',
      { code: 'device/feature-missing', details: { feature: 'onnxruntime-node' }, cause },
    );
  }
}
