/** Bundles without anything that computes them: for pages and for the worker of the storage. */
export { type KeepableBundle, openBundle } from './bundle/bundle.ts';
export { type BundleFiles, fileMissing, httpBundle } from './bundle/bundle-files.ts';
export type { ChunkStore } from './bundle/chunk-cache.ts';
export { type KeepOptions, keepAll } from './bundle/keep-all.ts';
export { readManifest } from './bundle/read-manifest.ts';
