import { completedEvents, type ImageEvent } from '../wire/events.ts';
import type { ImageResponse } from '../wire/response.ts';

export { assertStreamable } from '../wire/events.ts';

/** The events of one generation. Leaving the loop (`break`, `return()`) aborts it. */
export type ImageStream = AsyncGenerator<ImageEvent, void, void>;

/**
 * Rough pictures as they come, then one `image_generation.completed` per picture. The generation begins with the first `next()`.
 *
 * @param generate ends early when its signal is aborted
 */
export async function* imageStream(
  generate: (onEvent: (event: ImageEvent) => void, signal: AbortSignal) => Promise<ImageResponse>,
): ImageStream {
  const left = new AbortController();
  const events: ImageEvent[] = [];
  let wake = (): void => undefined;
  let isRunning = true;
  const emit = (event: ImageEvent): void => {
    events.push(event);
    wake();
  };
  const run = generate(emit, left.signal)
    .then((response) => completedEvents(response).forEach(emit))
    .finally(() => {
      isRunning = false;
      wake();
    });
  // It may fail while nobody waits: the failure is thrown after the events before it.
  run.catch(() => undefined);
  try {
    while (isRunning || events.length > 0) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      yield* events.splice(0);
      if (isRunning && events.length === 0) await woken;
    }
    await run;
  } finally {
    left.abort(new DOMException('the stream was left', 'AbortError'));
  }
}
