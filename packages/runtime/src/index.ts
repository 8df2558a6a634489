export type { AdapterReport } from './ort/adapter-report.ts';
export type {
  Backend,
  BackendInfo,
  DeviceTensor,
  Dtype,
  HostTensor,
  Session,
  Stage,
  TensorWriter,
} from './ort/backend.ts';
export { DTYPE_BYTES } from './ort/backend.ts';
export type { Holding, Ledger, LedgerSnapshot } from './ort/ledger.ts';
export type { SelfTestVerdict, VerdictStore } from './ort/verdict.ts';
