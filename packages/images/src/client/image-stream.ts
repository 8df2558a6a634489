import { assertStreamable, completedEvents, type ImageEvent } from '../wire/events.ts';
import { parseRequest } from '../wire/parse-request.ts';
import type { ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';

/** The events of one generation. Leaving the loop (`break`, `return()`) aborts it. */
export type ImageStream = AsyncGenerator<ImageEvent, void, void>;

/** @throws InputError for a request that is wrong, or that asks for addresses of pictures */
export function checkStreamed(body: ImageRequest): void {
  assertStreamable(parseRequest(body).request);
}

type Generate = (onEvent: (event: ImageEvent) => void, signal: AbortSignal) => Promise<ImageResponse>;

/**
 * Rough pictures as they come, then one `image_generation.completed` per picture.
 *
 * @param generate is called with the first `next()`, and ends early when its signal is aborted
 */
export function imageStream(generate: Generate): ImageStream {
  const left = new AbortController();
  const events = eventsOf(generate, left.signal);
  const end = events.return.bind(events);
  // A generator's own `return` would wait for the next event.
  events.return = (value) => {
    left.abort(new DOMException('the stream was left', 'AbortError'));
    return end(value);
  };
  return events;
}

async function* eventsOf(generate: Generate, left: AbortSignal): ImageStream {
  const events: ImageEvent[] = [];
  let wake = (): void => undefined;
  let isRunning = true;
  const emit = (event: ImageEvent): void => {
    events.push(event);
    wake();
  };
  const run = generate(emit, left)
    .then((response) => completedEvents(response).forEach(emit))
    .finally(() => {
      isRunning = false;
      wake();
    });
  // It may fail while nobody waits. The failure is thrown after the events before it.
  run.catch(() => undefined);
  while (isRunning || events.length > 0) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    yield* events.splice(0);
    if (isRunning && events.length === 0) await woken;
  }
  if (!left.aborted) await run;
}
