export type { AdapterReport } from './adapter-report.ts';
export {
  type Backend,
  type BackendHooks,
  type BackendInfo,
  type DeviceTensor,
  DTYPE_BYTES,
  type Dtype,
  type HostTensor,
  type Session,
  type SessionInput,
  type Stage,
  type TensorWriter,
} from './backend.ts';
export { probeAdapter } from './device.ts';
export type { Holding, Ledger, LedgerSnapshot } from './ledger.ts';
export type { SelfTestOptions } from './self-test.ts';
export type { SelfTestVerdict, VerdictStore } from './verdict.ts';
export { defaultVerdictStore, memoryVerdictStore } from './verdict-store.ts';
export {
  createWasmBackend,
  createWebGpuBackend,
  type WasmBackendOptions,
  type WebGpuBackendOptions,
  type WebGpuBuild,
} from './web.ts';
