export { folderBundle } from './bundle/folder.ts';
export { createNodeBackend, type NodeBackendOptions } from './ort/node.ts';
