export { folderBundle } from './bundle/folder-bundle.ts';
export { type FoundGpu, findGpu, gpuName, installDawn } from './ort/dawn.ts';
export { createNodeBackend } from './ort/node.ts';
export { nodeVerdictStore } from './ort/node-verdict-store.ts';
export type { AccuracyLevel } from './ort/packed-model.ts';
export { renewRuntime } from './ort/renew-runtime.ts';
