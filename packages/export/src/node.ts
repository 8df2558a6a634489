/** Folders on disk and threads, in Node only. */
export { bundleFolder } from './node/bundle-folder.ts';
export { hubOfEnvironment } from './node/hub-cache.ts';
export { pipelineFolder } from './node/pipeline-folder.ts';
export { threadQuantizer } from './node/thread-quantizer.ts';
