import { type ImageSize, strict } from '@flux-srpo/core';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { present } from '../wire/present.ts';
import type { CheckedRequest } from '../wire/request.ts';
import { unixSeconds } from '../wire/response.ts';
import { mediaTypeOf, readBase64 } from './answer.ts';
import { parseJson, readPieces } from './body.ts';
import type { Exchange } from './exchange.ts';

/** A rough picture of a stream. */
export interface StreamedPartial {
  /** Which picture of the batch, from 0. */
  image: number;
  /** Which of its rough pictures, from 0. */
  index: number;
  /** Base64 of a PNG file. */
  base64: string;
  /** Of the picture that this becomes, where the service says it. */
  size?: ImageSize;
}

/** What fails in mid-stream can have no status of its own; the body says what it is. */
const MID_STREAM_STATUS = 500;

/** The JSON of one server-sent event. */
type ServerEvent = Record<string, unknown>;

const readPng = strict.such(readBase64, 'base64 of a PNG file', (base64) => mediaTypeOf(base64) === 'image/png');

/**
 * The events that complete the pictures, put together as this endpoint's own answer. Events that do
 * not fit the request are refused; those of other types are ignored, because they may come from
 * later versions of the API.
 */
export async function readStream(
  exchange: Exchange,
  response: Response,
  { n = 1, partial_images = 0, enable_safety_checker }: CheckedRequest,
  onPartial: (partial: StreamedPartial) => void,
): Promise<unknown> {
  // No picture is shown before it is checked, even where the service sends rough ones.
  const most = enable_safety_checker === true ? 0 : partial_images;
  const rough: number[] = Array(n).fill(0);
  const completed: ServerEvent[] = [];
  let count = 0;
  const take = (event: ServerEvent): void => {
    const { type, size, partial_image_index } = event;
    const isWhole = type === 'image_generation.completed';
    if (!isWhole && type !== 'image_generation.partial_image') return;
    // OpenAI's own events do not say which picture: one of several comes after the other.
    const image = strict.integer(0, n - 1)(event.image_index ?? (isWhole ? count : 0), 'image_index');
    if (completed[image] !== undefined) throw strict.refusal(type, 'once, and after its rough pictures', event);
    if (isWhole) {
      count++;
      completed[image] = event;
      return;
    }
    const index = rough[image]++;
    if (partial_image_index !== index || index >= most) {
      throw strict.refusal('rough pictures', `in order, ${most} of each at most`, event);
    }
    const [, width, height] = /^(\d{2,4})x(\d{2,4})$/.exec(String(size)) ?? [];
    const pixels = width === undefined ? undefined : { width: Number(width), height: Number(height) };
    onPartial(present({ image, index, base64: readPng(event.b64_json, 'b64_json'), size: pixels }));
  };
  // It does not wait for the end of the connection, which a service may keep open.
  for await (const event of readEvents(exchange, response)) {
    exchange.understood(() => take(event));
    if (count === n) break;
  }
  // Pictures that did not come leave holes.
  const events = Object.values(completed);
  const isChecked = events.some(({ has_nsfw_concept }) => typeof has_nsfw_concept === 'boolean');
  const { created_at, seed, warnings } = events[0] ?? {};
  return {
    created: typeof created_at === 'number' ? created_at : unixSeconds(),
    data: events.map(({ b64_json }) => ({ b64_json })),
    has_nsfw_concepts: isChecked ? events.map(({ has_nsfw_concept }) => has_nsfw_concept === true) : null,
    seed,
    warnings,
  };
}

/** The events of a stream, as they come. Whoever leaves the loop closes the connection. */
async function* readEvents(exchange: Exchange, response: Response): AsyncGenerator<ServerEvent> {
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message) });
  let last = '';
  for await (const piece of readPieces(exchange, response, exchange.settings.maxBytes)) {
    // The parser waits for what may come behind a carriage return. At the end nothing comes.
    parser.feed(piece === '' && last.endsWith('\r') ? '\n' : piece);
    last = piece;
    for (const { event: name = '', data } of messages.splice(0)) {
      if (data.trim() !== '' && data !== '[DONE]') yield parseEvent(exchange, response, name, data);
    }
  }
}

function parseEvent(exchange: Exchange, response: Response, name: string, text: string): ServerEvent {
  const event = parseJson(text) as ServerEvent | null | undefined;
  if (typeof event !== 'object' || event === null) {
    throw exchange.invalid('an event must be a JSON object, got another');
  }
  if (name === 'error' || event.type === 'error' || (event.error ?? undefined) !== undefined) {
    exchange.answered = { status: MID_STREAM_STATUS, snippet: exchange.clean(text) };
    throw exchange.refused(MID_STREAM_STATUS, event, response.headers);
  }
  if (name !== '' && event.type !== name) throw exchange.invalid("an event's name must be its type, got two");
  return event;
}
