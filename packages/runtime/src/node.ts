export { folderBundle } from './bundle/folder-bundle.ts';
export { type FoundGpu, findGpu, gpuName, installDawn } from './ort/dawn.ts';
export { fileVerdictStore } from './ort/file-verdict-store.ts';
export { createNodeBackend } from './ort/node.ts';
