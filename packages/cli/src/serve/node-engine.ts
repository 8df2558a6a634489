import { encodePicture, type GenerateResult, type Pipeline, pictureSettings } from '@flux-srpo/runtime';
import { type ImageEngine, Queue, type QueueState } from 'flux-srpo/fetch';
import {
  countedMemory,
  localResponse,
  type ModelFacts,
  modelFacts,
  modelWarnings,
  parseRequest,
  partialWarnings,
  toEngineRequest,
} from 'flux-srpo/wire';
import { generateOrRecover } from './recovery.ts';

export interface NodeEngineOptions {
  /** Not the engine's own: whoever made it disposes it. */
  pipeline: Pipeline;
  /** Makes the address of a picture for `url` answers. @default a `blob:` URL of this process */
  publish?: ((png: Uint8Array<ArrayBuffer>) => string | Promise<string>) | undefined;
  /** Requests that may wait for the one that runs. @default 8 */
  maxWaiting?: number | undefined;
  /** Aborts when those that wait are to be sent away, with the error that they get. */
  stopping?: AbortSignal | undefined;
  /** Called with what each request drew. */
  onDrawn?: ((result: GenerateResult) => void) | undefined;
}

export interface NodeEngine extends ImageEngine {
  load(): Promise<ModelFacts>;
  readonly queue: QueueState;
}

/** Makes a pipeline answer as a client of `createFluxSrpo` does in a page. */
export function createNodeEngine(options: NodeEngineOptions): NodeEngine {
  const { pipeline, publish = blobUrl, maxWaiting = 8, stopping, onDrawn } = options;
  const model = modelFacts(pipeline.bundle.manifest);
  const queue = new Queue(maxWaiting);
  return {
    get queue() {
      return queue.state;
    },
    load: async () => model,
    images: {
      async generate(body, { signal, onProgress, onPartialImage } = {}) {
        const { request, transport, warnings } = parseRequest(body);
        const engineRequest = toEngineRequest(request, model);
        const result = await queue.run(
          () => generateOrRecover(pipeline, engineRequest, { signal, onProgress, onPreview: onPartialImage }),
          // Heard while it waits; what runs ends in its own way.
          anyOf(signal, stopping),
        );
        onDrawn?.(result);
        const files = result.images.map(
          (image, i) => encodePicture(image, pictureSettings(result, i, pipeline.bundle)) as Uint8Array<ArrayBuffer>,
        );
        const said = [
          ...warnings,
          ...modelWarnings(request, model),
          ...partialWarnings(request, onPartialImage !== undefined),
        ];
        return localResponse(
          { ...result, seed: result.request.seed, memory: countedMemory(result), files },
          { transport, model: model.model, device: pipeline.backend.name, warnings: said, publish },
        );
      },
    },
  };
}

function anyOf(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

function blobUrl(png: Uint8Array<ArrayBuffer>): string {
  return URL.createObjectURL(new Blob([png], { type: 'image/png' }));
}
