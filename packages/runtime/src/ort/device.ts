import { DeviceError, type FluxError, InferenceError } from '@flux-srpo/core';
import { assertLimits, LIMITS, type MatrixInfo, requestAdapter } from './adapter.ts';
import { outOfMemory } from './device-errors.ts';
import { countBuffers } from './gpu-buffers.ts';
import { RUNG_FEATURES, type Rung } from './ladder.ts';
import type { Ledger } from './ledger.ts';
import { fixShaders, type ShaderFix } from './shader-fix.ts';

/**
 * WebGPU devices. A lost device looks healthy (buffers are created, the queue resolves), so whoever
 * reads results back asks `assertAlive` *after* reading.
 */

/** Events tell of loss and lack of memory, and may come after the failure itself. */
const EXPLANATION_WAIT_MS = 100;

export interface OpenDeviceOptions {
  label: string;
  ledger: Ledger;
  /** What to ask for, where the adapter has it. */
  rung: Rung;
  /** Least limits the caller needs, by WebGPU name. */
  requiredLimits?: Readonly<Record<string, number>>;
  /** What this machine's shaders need to be right. */
  shaderFix?: ShaderFix | undefined;
  /** Is told the name of each program that is compiled. */
  onProgram?: ((name: string) => void) | undefined;
}

/** A device whose buffers are counted and whose death is known. */
export interface OpenDevice {
  readonly device: GPUDevice;
  /** Throws `device/lost`, `device/out-of-memory`, or what else the device reported. */
  assertAlive(): void;
  /** What `assertAlive` would throw, after giving the events a moment to arrive. */
  explain(): Promise<FluxError | undefined>;
  destroy(): void;
}

export async function openDevice(options: OpenDeviceOptions): Promise<OpenDevice> {
  const { label, ledger, rung, requiredLimits, shaderFix, onProgram } = options;
  // A fresh adapter each time: one that has given a device is consumed.
  const adapter = await requestAdapter();
  assertLimits(adapter, requiredLimits ?? {});
  const wanted = ['shader-f16', ...RUNG_FEATURES[rung]] as GPUFeatureName[];
  const device = await adapter
    .requestDevice({
      label,
      requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    })
    .catch((cause: unknown) => {
      throw new DeviceError('the WebGPU adapter gave no device', { code: 'device/no-webgpu', cause });
    });
  tellMatrices(device, adapter.info);
  if (shaderFix !== undefined) fixShaders(device);
  if (onProgram !== undefined) tellPrograms(device, onProgram);
  return watch(device, ledger);
}

/**
 * The runtime asks the device which subgroup matrices there are. Dawn's device in Node (the package
 * `webgpu` 0.6.2) answers with none, whatever its adapter has, and no kernel would use them.
 */
function tellMatrices(device: GPUDevice, adapterInfo: MatrixInfo): void {
  const count = ({ subgroupMatrixConfigs = [] }: MatrixInfo): number => subgroupMatrixConfigs.length;
  if (count(adapterInfo) > count(device.adapterInfo))
    Object.defineProperty(device, 'adapterInfo', { value: adapterInfo, configurable: true });
}

/** The runtime labels each shader module with its program's name. */
function tellPrograms(device: GPUDevice, tell: (name: string) => void): void {
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    tell(descriptor.label ?? 'unnamed');
    return createShaderModule(descriptor);
  };
}

function watch(device: GPUDevice, ledger: Ledger): OpenDevice {
  const release = ledger.hold('device');
  const releaseBuffers = countBuffers(device, ledger);
  let isDestroyed = false;
  let trouble: FluxError | undefined;

  device.lost.then(
    (info) => {
      // A device that was destroyed is lost too: whoever destroyed it, its results cannot be used.
      trouble = new DeviceError(`the GPU device was lost (${info.reason}): ${info.message || 'no message'}`, {
        code: 'device/lost',
        details: { reason: info.reason },
      });
      releaseBuffers();
    },
    () => undefined, // `lost` never rejects
  );
  device.addEventListener('uncapturederror', ({ error }) => {
    trouble ??= isOutOfMemory(error)
      ? outOfMemory(error.message)
      : new InferenceError(`the GPU reported: ${error.message}`, { code: 'inference/run' });
  });

  return {
    device,
    assertAlive() {
      if (trouble !== undefined) throw trouble;
    },
    async explain() {
      if (trouble === undefined) {
        await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, EXPLANATION_WAIT_MS))]);
      }
      return trouble;
    },
    destroy() {
      if (isDestroyed) return;
      isDestroyed = true;
      device.destroy();
      releaseBuffers();
      release();
    },
  };
}

function isOutOfMemory(error: GPUError): boolean {
  return typeof GPUOutOfMemoryError !== 'undefined' && error instanceof GPUOutOfMemoryError;
}
