/** For the main thread: what the machine offers, without onnxruntime. */
export { type AdapterReport, probeAdapter } from './ort/adapter.ts';
