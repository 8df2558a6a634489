export { type AppOptions, createApp } from './serve/app.ts';
export { ImageStore, type ImageStoreOptions } from './serve/image-store.ts';
export { type Listening, listen } from './serve/listen.ts';
export { createNodeEngine, type NodeEngine, type NodeEngineOptions } from './serve/node-engine.ts';
