export { probeAdapter } from './adapter.ts';
export type { AdapterReport } from './adapter-report.ts';
export type { Backend, BackendHooks, BackendInfo, DeviceTensor, HostTensor, Session, Stage } from './backend.ts';
export type { LedgerSnapshot } from './ledger.ts';

export { memoryVerdictStore } from './verdict-store.ts';
export { createWasmBackend, createWebGpuBackend, type WebGpuBackendOptions } from './web.ts';
