import { type ImageSize, strict } from '@flux-srpo/core';
import { present } from '../wire/present.ts';
import type { CheckedRequest } from '../wire/request.ts';
import { mediaTypeOf, readBase64 } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { parseJson, readPieces } from './read-body.ts';
import type { AnswerDescription } from './service.ts';

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
 * The events that complete the pictures, put together as one answer, and where that has what.
 * Events that do not fit the request are refused; those of other types are ignored, because they
 * may come from later versions of the API.
 */
export async function readStream(
  exchange: Exchange,
  response: Response,
  { n = 1, partial_images = 0, enable_safety_checker }: CheckedRequest,
  onPartial: (partial: StreamedPartial) => void,
): Promise<[AnswerDescription, unknown]> {
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
    const pixels = /^(\d{2,4})x(\d{2,4})$/.exec(String(size));
    onPartial(
      present({
        image,
        index,
        base64: readPng(event.b64_json, 'b64_json'),
        size: pixels === null ? undefined : { width: Number(pixels[1]), height: Number(pixels[2]) },
      }),
    );
  };
  // It does not wait for the end of the connection, which a service may keep open.
  for await (const event of readEvents(exchange, response)) {
    exchange.understood(() => take(event));
    if (count === n) break;
  }
  // Pictures that did not come leave holes.
  const events = Object.values(completed);
  const flags = events.map(({ has_nsfw_concept }) => has_nsfw_concept === true);
  const isChecked = events.some(({ has_nsfw_concept }) => typeof has_nsfw_concept === 'boolean');
  const paths = {
    images: 'events',
    image: { b64_json: 'b64_json' },
    seed: 'events.0.seed',
    flagged: 'flags',
    warnings: 'events.0.warnings',
    ...(typeof events[0]?.created_at === 'number' ? { created: 'events.0.created_at' } : {}),
  };
  return [paths, { events, flags: isChecked ? flags : null }];
}

/**
 * The events of a stream, as they come. Whoever leaves the loop closes the connection. An event
 * counts once its blank line has come. Comments, ids and reconnection times are left out.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
async function* readEvents(exchange: Exchange, response: Response): AsyncGenerator<ServerEvent> {
  let name = '';
  let data: string[] = [];
  for await (const lines of readLines(readPieces(exchange, response, exchange.settings.maxBytes))) {
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.slice('data:'.length));
      if (line.startsWith('event:')) name = line.slice('event:'.length).trim();
      if (line !== '') continue;
      const text = data.join('\n').trim();
      if (text !== '' && text !== '[DONE]') yield parseEvent(exchange, response, name, text);
      name = '';
      data = [];
    }
  }
}

/** The lines that end in each piece of a text. */
async function* readLines(pieces: AsyncIterable<string>): AsyncGenerator<string[]> {
  // Of the line that has not ended. A long line is put together once, not with every piece of it.
  let started: string[] = [];
  let endsInReturn = false;
  for await (const piece of pieces) {
    // The second half of a line end whose first half ended the last piece is no line of its own.
    const [first, ...next] = (endsInReturn ? piece.replace(/^\n/, '') : piece).split(/\r\n|\n|\r/);
    if (piece !== '') endsInReturn = piece.endsWith('\r');
    started.push(first as string);
    const last = next.pop();
    if (last === undefined) continue;
    yield [started.join(''), ...next];
    started = [last];
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
