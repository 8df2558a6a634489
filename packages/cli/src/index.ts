export { type AppOptions, createApp } from './serve/app.ts';
export { FolderPictures } from './serve/folder-pictures.ts';
export { type Key, KeyRing } from './serve/key-ring.ts';
export { type Listening, type ListenOptions, listen } from './serve/listen.ts';
export { MemoryPictures } from './serve/memory-pictures.ts';
export { createMetrics, type Metrics } from './serve/metrics.ts';
export { createNodeEngine, type NodeEngine, type NodeEngineOptions } from './serve/node-engine.ts';
