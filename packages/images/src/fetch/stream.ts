import { imageStream } from '../client/image-stream.ts';
import { toHttpError } from '../wire/errors.ts';
import { assertStreamable, encodeEvent } from '../wire/events.ts';
import type { ParsedRequest } from '../wire/request.ts';
import { roughPictures } from '../wire/rough-pictures.ts';
import type { AnswerContext } from './answers.ts';
import type { ImageEngine } from './engine.ts';
import { EventQueue } from './event-queue.ts';

/** Proxies give up on connections that are silent for about a minute. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Server-sent events: rough pictures as they come, then one `image_generation.completed` per
 * picture.
 *
 * Resolves with the first event, so that what fails before it has a real status, or after a while
 * of silence. A later failure is an `error` event, which clients throw.
 */
export async function streamImages(
  { request, warnings }: ParsedRequest,
  engine: ImageEngine,
  signal: AbortSignal,
  { requestId, onError, onRefusal }: AnswerContext,
): Promise<Response> {
  assertStreamable(request);
  const { stream: _, partial_images: __, ...body } = request;
  const events = imageStream(async (emit, left) => {
    const options = { signal: AbortSignal.any([signal, left]), ...roughPictures(request, emit) };
    const response = await engine.images.generate({ ...body, output_format: 'b64_json' }, options);
    return { ...response, warnings: [...warnings, ...response.warnings] };
  });
  const queue = new EventQueue(KEEP_ALIVE_MS, () => events.return());
  const send = async (): Promise<void> => {
    try {
      for await (const event of events) queue.push(encodeEvent(event));
    } catch (error) {
      if (!queue.hasBegun) throw error;
      if (signal.aborted) return queue.fail(signal.reason);
      onError?.(error, requestId);
      const { body } = toHttpError(error);
      onRefusal?.(body.error.code);
      queue.push(encodeEvent(body));
    } finally {
      queue.close();
    }
  };
  await Promise.race([send(), queue.begun]);
  return new Response(queue.readable, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-request-id': requestId },
  });
}
