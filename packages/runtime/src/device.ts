export type { AdapterReport } from './ort/adapter-report.ts';
/** For the main thread: what the machine offers, without onnxruntime. */
export { probeAdapter } from './ort/device.ts';
