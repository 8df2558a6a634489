export { createNodeBackend, type NodeBackendOptions } from './ort/node.ts';
