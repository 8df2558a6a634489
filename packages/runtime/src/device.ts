/** For the main thread: what the machine offers, without onnxruntime. */
export { probeAdapter } from './ort/adapter.ts';
export type { AdapterReport } from './ort/adapter-report.ts';
