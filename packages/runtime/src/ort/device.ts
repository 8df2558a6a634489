import { DeviceError, type FluxError, InferenceError } from '@flux-srpo/core';
import type { AdapterReport } from './adapter-report.ts';
import type { Ledger } from './ledger.ts';

/**
 * WebGPU adapters and devices: the only file that touches `navigator.gpu`.
 * A lost device looks healthy (buffers are created, the queue resolves), so whoever reads results back asks `assertAlive` *after* it.
 */

/** A GPU process that is still starting answers null; an adapter refused once may come a moment later. */
const ADAPTER_RETRY_DELAYS_MS = [0, 100, 300, 1000];

/** Loss and out-of-memory are reported by events; a failure may arrive before the event that explains it. */
const EXPLANATION_WAIT_MS = 100;

/** What the runtime itself would ask for: a device has only the defaults (128 MiB bindings) unless it is asked for more. */
const LIMITS = [
  'maxBindGroups',
  'maxStorageBuffersPerShaderStage',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

const SUBGROUP_FEATURES: readonly GPUFeatureName[] = ['subgroups', 'subgroup-size-control'];

export interface OpenDeviceOptions {
  label: string;
  ledger: Ledger;
  /** Ask for subgroup features where the adapter has them. */
  subgroups: boolean;
  /** Least limits the caller needs, by WebGPU name. */
  requiredLimits?: Readonly<Record<string, number>>;
}

/** A device whose buffers are counted and whose death is known. */
export interface OpenDevice {
  readonly device: GPUDevice;
  /** Throws `device/lost`, `device/out-of-memory`, or what the device reported outside any error scope. */
  assertAlive(): void;
  /** What `assertAlive` would throw, after giving the events a moment to arrive. */
  explain(): Promise<FluxError | undefined>;
  destroy(): void;
}

/** What this machine offers, without making a device. */
export async function probeAdapter(): Promise<AdapterReport> {
  return reportAdapter(await requestAdapter());
}

/** False where the driver's subgroups are known to give wrong numbers: with 4 lanes FlashAttention's shuffle kernel does (onnxruntime 1.30). */
export function canUseSubgroups(report: AdapterReport): boolean {
  return report.features.includes('subgroups') && report.subgroupMinSize !== 4;
}

/** False where shaders cannot compute in half precision. */
export function canUseHalves(report: AdapterReport): boolean {
  return report.features.includes('shader-f16');
}

export async function openDevice({ label, ledger, subgroups, requiredLimits }: OpenDeviceOptions): Promise<OpenDevice> {
  // A fresh adapter each time: one that has given a device is consumed.
  const adapter = await requestAdapter();
  assertLimits(adapter, requiredLimits ?? {});
  const wanted: GPUFeatureName[] = ['shader-f16', ...(subgroups ? SUBGROUP_FEATURES : [])];
  const device = await adapter
    .requestDevice({
      label,
      requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    })
    .catch((cause: unknown) => {
      throw new DeviceError('the WebGPU adapter gave no device', { code: 'device/no-webgpu', cause });
    });
  return watch(device, ledger);
}

function watch(device: GPUDevice, ledger: Ledger): OpenDevice {
  const release = ledger.hold('device');
  const releaseBuffers = countBuffers(device, ledger);
  let isDestroyed = false;
  let trouble: FluxError | undefined;

  device.lost.then(
    (info) => {
      // Also when the reason is 'destroyed': whoever destroyed it, results of this device are not results.
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

/**
 * Makes `device.createBuffer` tell the ledger, for us and for the runtime, which holds the same object.
 * Returns a function that notes that all its buffers are gone.
 */
function countBuffers(device: GPUDevice, ledger: Ledger): () => void {
  const live = new Set<() => void>();
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const release = ledger.hold('buffer', { bytes: descriptor.size });
    live.add(release);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      live.delete(release);
      release();
      return destroy();
    };
    return buffer;
  };
  return () => {
    for (const release of live) release();
    live.clear();
  };
}

/** `device.createBuffer` whose failure is an error here and not an invalid buffer later. */
export async function createBuffer(device: GPUDevice, descriptor: GPUBufferDescriptor): Promise<GPUBuffer> {
  const { size } = descriptor;
  if (size > device.limits.maxBufferSize) throw limitTooSmall('maxBufferSize', size, device.limits.maxBufferSize);
  device.pushErrorScope('validation');
  device.pushErrorScope('out-of-memory');
  const buffer = device.createBuffer(descriptor);
  const [memoryError, validationError] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
  const error = memoryError ?? validationError;
  if (error === null) return buffer;
  buffer.destroy();
  throw outOfMemory(`a buffer of ${size} bytes: ${error.message}`, { bytes: size });
}

async function requestAdapter(): Promise<GPUAdapter> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (gpu === undefined) {
    throw new DeviceError('this environment has no WebGPU (navigator.gpu is missing)', {
      code: 'device/no-webgpu',
      details: { reason: 'no-navigator-gpu' },
    });
  }
  for (const delayMs of ADAPTER_RETRY_DELAYS_MS) {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter !== null) return adapter;
  }
  throw new DeviceError('the browser has WebGPU but offers no adapter: it may be switched off or the driver blocked', {
    code: 'device/no-webgpu',
    details: { reason: 'no-adapter', attempts: ADAPTER_RETRY_DELAYS_MS.length },
  });
}

function reportAdapter(adapter: GPUAdapter): AdapterReport {
  const { info } = adapter;
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    isFallback: info.isFallbackAdapter,
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    ...(info.subgroupMinSize === undefined ? {} : { subgroupMinSize: info.subgroupMinSize }),
    ...(info.subgroupMaxSize === undefined ? {} : { subgroupMaxSize: info.subgroupMaxSize }),
  };
}

function assertLimits(adapter: GPUAdapter, required: Readonly<Record<string, number>>): void {
  for (const [name, needed] of Object.entries(required)) {
    const offered = adapter.limits[name as (typeof LIMITS)[number]];
    if (!(offered >= needed)) throw limitTooSmall(name, needed, offered);
  }
}

function limitTooSmall(limit: string, needed: number, offered: number): DeviceError {
  return new DeviceError(`the GPU's ${limit} must be at least ${needed}, got ${offered}`, {
    code: 'device/limit-too-small',
    details: { limit, needed, offered },
  });
}

function isOutOfMemory(error: GPUError): boolean {
  return typeof GPUOutOfMemoryError !== 'undefined' && error instanceof GPUOutOfMemoryError;
}

function outOfMemory(message: string, details = {}): DeviceError {
  return new DeviceError(`the GPU is out of memory: ${message}`, { code: 'device/out-of-memory', details });
}
