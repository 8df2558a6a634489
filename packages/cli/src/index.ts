export { type AppOptions, createApp } from './serve/app.ts';
export { ImageStore, type ImageStoreOptions } from './serve/image-store.ts';
export { type Key, KeyRing } from './serve/key-ring.ts';
export { type Listening, type ListenOptions, listen } from './serve/listen.ts';
export { createMetrics, type Metrics } from './serve/metrics.ts';
export { createNodeEngine, type NodeEngine, type NodeEngineOptions } from './serve/node-engine.ts';
