import { type DeviceError, isFluxError, requiredLimits } from '@flux-srpo/core';
import { type Backend, type Bundle, createWebGpuBackend, halfGraphsOf } from '@flux-srpo/runtime';
import {
  createNodeBackend,
  findGpu,
  gpuName,
  installDawn,
  nodeVerdictStore,
  renewRuntime,
} from '@flux-srpo/runtime/node';
import type { Computing } from './computing-options.ts';
import { cpuMemory } from './cpu-memory.ts';

/** What computes, for `createPipeline`. */
export interface OpenedBackend {
  backend: Backend;
  precision: Computing['precision'];
  memoryBudget?: number;
  memoryTarget?: number;
  /** For people, a line each: what was chosen, and why, where nobody said. */
  notes: string[];
}

/**
 * `webgpu` takes any adapter that Dawn offers, `auto` a GPU that passes the self-test and else the
 * CPU.
 *
 * @param bundle the model to draw. Absent: nothing is demanded of an adapter
 */
export async function openBackend(computing: Computing, bundle?: Bundle): Promise<OpenedBackend> {
  if (computing.device === 'cpu') return onCpu(computing);
  if (computing.device === 'webgpu') return onGpu(computing, bundle);
  const found = await findGpu();
  if (typeof found === 'string') return onCpu(computing, `no GPU was found (${found})`);
  if (found.isSoftware) {
    return onCpu(computing, `${found.name} is no GPU but a slower program; --device webgpu takes it`);
  }
  try {
    return await onGpu(computing, bundle);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    return onCpu(computing, `${found.name} cannot be used (${error.message})`);
  }
}

/** @param why nobody asked for the CPU */
async function onCpu({ precision: asked, budget, accuracyLevel }: Computing, why?: string): Promise<OpenedBackend> {
  // Halves are slow on a CPU.
  const precision = asked === 'auto' ? 'f32' : asked;
  const backend = await createNodeBackend({ precision, accuracyLevel });
  return { backend, precision, ...cpuMemory(budget, process.availableMemory(), why) };
}

async function onGpu({ precision, budget }: Computing, bundle: Bundle | undefined): Promise<OpenedBackend> {
  await installDawn();
  const backend = await createWebGpuBackend({
    precision,
    selfTest: { store: nodeVerdictStore() },
    renewRuntime,
    ...(bundle && { requiredLimits: requiredLimits(bundle.manifest), halfGraphs: halfGraphsOf(bundle) }),
  });
  return {
    backend,
    precision,
    ...(budget !== undefined && { memoryBudget: budget }),
    notes: [`computes on ${gpuName(backend.info.adapter!)} in ${backend.info.precision}`],
  };
}

/** This GPU cannot draw the model, and something else may. */
function isUnsupported(error: unknown): error is DeviceError {
  return isFluxError(error, 'device/') || isFluxError(error, 'inference/');
}
