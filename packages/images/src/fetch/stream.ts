import { type ImageSize, InputError } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import { toHttpError } from '../wire/errors.ts';
import { completedEvent, encodeEvent, partialImageEvent } from '../wire/events.ts';
import { pngSize } from '../wire/png-size.ts';
import type { ParsedRequest, RequestWarning } from '../wire/request.ts';
import { type ImageResponse, unixSeconds } from '../wire/response.ts';
import type { AnswerContext } from './answers.ts';
import type { ImageEngine } from './engine.ts';
import { EventQueue } from './event-queue.ts';
import { isPartialStep, pictureSize, previewBase64 } from './partial-pictures.ts';

/** Proxies give up on connections that are silent for about a minute. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Server-sent events: rough pictures as they come, then one `image_generation.completed` per picture.
 *
 * Resolves with the first event, so that what fails before it has a real status, or after a while of silence. A later failure is an
 * `error` event, which clients throw.
 */
export async function streamImages(
  { request, warnings }: ParsedRequest,
  engine: ImageEngine,
  signal: AbortSignal,
  { requestId, onError }: AnswerContext,
): Promise<Response> {
  if (request.output_format === 'url') {
    throw new InputError('a stream carries pictures as b64_json, got "url"; say b64_json, or do not stream', {
      code: 'input/conflict',
      details: { field: 'output_format' },
    });
  }
  const { stream: _, partial_images = 0, ...body } = request;
  const gone = new AbortController();
  const events = new EventQueue(KEEP_ALIVE_MS, () => gone.abort());
  let size: ImageSize | undefined;
  let steps = 0;
  let partials = 0;

  const onPartialImage = (preview: Preview): void => {
    size = pictureSize(preview);
    if (!isPartialStep(preview.step, steps, partial_images)) return;
    // Pictures of one batch share an index: they are as far along.
    if (preview.image === 0) partials++;
    const picture = { b64_json: previewBase64(preview), created: unixSeconds(), size };
    const event = { ...partialImageEvent(picture, partials - 1), image_index: preview.image };
    events.push(encodeEvent(event));
  };

  const run = engine.images
    .generate(
      { ...body, output_format: 'b64_json' },
      {
        signal: AbortSignal.any([signal, gone.signal]),
        onProgress: (progress) => {
          if (progress.stage === 'denoise') steps = progress.steps;
        },
        // An engine says so where it gives none; that is to be said only where some are wanted.
        ...(partial_images > 0 ? { onPartialImage } : {}),
      },
    )
    .then(
      (response) => {
        for (const event of completedEvents(response, warnings, size)) events.push(event);
        events.close();
      },
      (error: unknown) => {
        if (!events.hasBegun) {
          events.close();
          throw error;
        }
        if (gone.signal.aborted) return;
        if (signal.aborted) return events.fail(signal.reason);
        onError?.(error, requestId);
        events.push(encodeEvent(toHttpError(error).body));
        events.close();
      },
    );
  await Promise.race([run, events.begun]);
  return new Response(events.readable, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-request-id': requestId },
  });
}

function completedEvents(response: ImageResponse, warnings: RequestWarning[], size: ImageSize | undefined): string[] {
  return response.data.map(({ b64_json, seed }, index) => {
    const picture = { b64_json, created: response.created, size: size ?? pngSize(b64_json) };
    const isFlagged = response.has_nsfw_concepts?.[index];
    const additions = {
      image_index: index,
      warnings: [...warnings, ...response.warnings],
      ...(isFlagged === undefined ? {} : { has_nsfw_concept: isFlagged }),
    };
    const event = { ...completedEvent(picture, seed ?? response.seed), ...additions };
    return encodeEvent(event);
  });
}
