export { folderBundle } from './bundle/folder.ts';
export { createNodeBackend } from './ort/node.ts';
