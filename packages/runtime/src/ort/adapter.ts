import { DeviceError } from '@flux-srpo/core';
import { limitTooSmall } from './device-errors.ts';

/** WebGPU adapters: the only file that touches `navigator.gpu`. */

/** A GPU process that is still starting offers no adapter, and does a moment later. */
const ADAPTER_RETRY_DELAYS_MS = [0, 100, 300, 1000];

/** What the runtime would ask for. A device has only the defaults (128 MiB bindings) unasked. */
export const LIMITS = [
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

/** What an adapter says of itself, as plain data. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a software adapter (SwiftShader, WARP). */
  readonly isFallback: boolean;
  /** Sorted. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Absent where the browser does not tell. */
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  /** `8x8x8 f16 to f16`, each size (M×N×K) that matrix units take. Absent where there are none. */
  readonly subgroupMatrices?: readonly string[];
}

/** With the field of `chromium-experimental-subgroup-matrix`. */
export type MatrixInfo = GPUAdapterInfo & {
  readonly subgroupMatrixConfigs?: ReadonlyArray<
    Readonly<Record<'componentType' | 'resultComponentType', string> & Record<'M' | 'N' | 'K', number>>
  >;
};

/** What this machine offers, without making a device. */
export async function probeAdapter(): Promise<AdapterReport> {
  return reportAdapter(await requestAdapter());
}

/** False where shaders cannot compute in half precision. */
export function canUseHalves(report: AdapterReport): boolean {
  return report.features.includes('shader-f16');
}

export async function requestAdapter(): Promise<GPUAdapter> {
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

export function reportAdapter(adapter: GPUAdapter): AdapterReport {
  const info: MatrixInfo = adapter.info;
  const matrices = [...(info.subgroupMatrixConfigs ?? [])].map(
    ({ M, N, K, componentType, resultComponentType }) => `${M}x${N}x${K} ${componentType} to ${resultComponentType}`,
  );
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
    ...(matrices.length > 0 && { subgroupMatrices: matrices }),
  };
}

export function assertLimits(adapter: GPUAdapter, required: Readonly<Record<string, number>>): void {
  for (const [name, needed] of Object.entries(required)) {
    const offered = adapter.limits[name as (typeof LIMITS)[number]];
    if (!(offered >= needed)) throw limitTooSmall(name, needed, offered);
  }
}
