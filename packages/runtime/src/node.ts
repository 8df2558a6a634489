export { folderBundle } from './bundle/folder-bundle.ts';
export { installDawn } from './ort/dawn.ts';
export { createNodeBackend } from './ort/node.ts';
