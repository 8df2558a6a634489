export { folderBundle } from './bundle/folder-bundle.ts';
export { createNodeBackend } from './ort/node.ts';
