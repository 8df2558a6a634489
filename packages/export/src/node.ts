/** Folders on disk, in Node only. */
export { bundleFolder } from './node/bundle-folder.ts';
export { pipelineFolder } from './node/pipeline-folder.ts';
