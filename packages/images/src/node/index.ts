import { createClient } from '../client/client.ts';
import type { FluxSrpo } from '../client/flux-srpo.ts';
import type { FluxSrpoOptions } from '../client/options.ts';
import { nodeHome, withFileUrls } from './node-home.ts';

export type { FluxSrpo, FluxSrpoOptions };

/**
 * The client of a page, in Node or Deno: it computes in a thread of this process, on the GPU that
 * the package `webgpu` finds (Deno has WebGPU itself). `model` may also be a folder, by its path or
 * its `file:` URL. A lost GPU or a runtime that fails is replaced with its thread. Nothing is kept
 * or imported here: `storage` is for browsers.
 */
export function createFluxSrpo(options: FluxSrpoOptions): FluxSrpo {
  return createClient(withFileUrls(options), nodeHome);
}
