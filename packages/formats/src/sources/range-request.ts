import { boundedPieces } from '@flux-srpo/core';
import {
  contentRange,
  isSameVersion,
  plainLength,
  type Validators,
  validatorsOf,
  versionOf,
} from './answer-headers.ts';
import { changed } from './changed.ts';
import { checkContentRange, refusePage } from './check-answer.ts';
import { badAnswer, badStatus, noRange, noSize, shortBody } from './http-errors.ts';
import { guardNetwork } from './network-guard.ts';
import { hostOf, withoutSecrets } from './shown-url.ts';

/** Most bytes that are read and skipped, or counted, where a server ignores `Range`. */
const MAX_SKIPPED_BYTES = 16 * 1024 * 1024;

export interface HttpSourceOptions {
  fetch?: typeof fetch;
  headers?: Readonly<Record<string, string>>;
  /** Aborts opening, and every read. */
  signal?: AbortSignal;
  /** Bytes of the file. @default the server is asked */
  size?: number;
  /** Milliseconds without a byte after which a request is given up. @default 30 seconds */
  stallMs?: number;
}

/** Is given bytes of a range in order, as they come, and awaited. A piece holds until then. */
export type OnPiece = (piece: Uint8Array) => void | Promise<void>;

/** A range that is asked for. */
interface Pull {
  offset: number;
  length: number;
  /** Bytes of the file. */
  size: number;
  signal: AbortSignal | undefined;
  onPiece: OnPiece;
}

/** Asks for ranges of one file, and checks that every answer is of that file. */
export class RangeRequest {
  readonly #url: string | URL;
  readonly #name: string;
  readonly #options: HttpSourceOptions;
  /** Whether the server has answered a range with the whole file. */
  ignoresRanges = false;
  /** What the server said at the start. Undefined where the size was known already. */
  #opened: (Validators & { size: number }) | undefined;

  constructor(url: string | URL, name: string, options: HttpSourceOptions) {
    this.#url = url;
    this.#name = name;
    this.#options = options;
  }

  get version(): string | undefined {
    return this.#opened && versionOf(this.#opened);
  }

  async askSize(): Promise<number> {
    const response = await this.#fetch({ headers: { range: 'bytes=0-0' } });
    try {
      const size = await this.#sizeBy(response);
      this.#opened = { ...validatorsOf(response), size };
      return size;
    } finally {
      await response.body?.cancel().catch(() => undefined);
    }
  }

  /** The file's size: from `Content-Range`, or where cross-origin rules hide it, from `HEAD`. */
  async #sizeBy(response: Response): Promise<number> {
    let size: number | undefined;
    if (response.status === 206) {
      size = contentRange(response)?.total ?? plainLength(await this.#fetch({ method: 'HEAD' }));
    } else if (response.status === 416) {
      // An empty file has no byte 0.
      size = contentRange(response)?.total;
      if (size === undefined) throw badStatus(this.#name, response);
    } else {
      if (response.status !== 200) throw badStatus(this.#name, response);
      refusePage(this.#name, response);
      size = plainLength(response) ?? (await this.#count(response));
    }
    if (size === undefined) throw noSize(this.#name, response);
    return size;
  }

  /** The size of a small file, from a server that sends all of it and does not say how much. */
  async #count(response: Response): Promise<number> {
    const tooLarge = () => noSize(this.#name, response);
    // Compressed, it has the length of another text, and the reads that follow would be refused.
    if (response.headers.get('content-encoding') !== null) throw tooLarge();
    const guard = <T>(read: () => Promise<T>) => this.#guard(read, undefined);
    let size = 0;
    for await (const piece of boundedPieces(response, { maxBytes: MAX_SKIPPED_BYTES, tooLarge, guard })) {
      size += piece.length;
    }
    return size;
  }

  async pull(range: Pull): Promise<void> {
    const { offset, length, size, signal } = range;
    const end = offset + length;
    const response = await this.#fetch({ headers: { range: `bytes=${offset}-${end - 1}` } }, signal);
    try {
      if (![200, 206, 416].includes(response.status)) throw badStatus(this.#name, response);
      if (response.status === 200) refusePage(this.#name, response);
      this.#checkState(response);
      if (response.status === 206) {
        checkContentRange(this.#name, response, { offset, end, size });
        return await this.#body(response, range, { skip: 0, mustEnd: true });
      }
      if (response.status === 416) throw noRange(this.#name, size, offset, length);
      this.#checkWhole(response, size);
      this.ignoresRanges = true;
      if (offset > MAX_SKIPPED_BYTES) {
        const problem = 'must answer range requests with 206, got 200; serve it from a host that supports ranges';
        throw badAnswer(this.#name, problem, { status: 200 });
      }
      return await this.#body(response, range, { skip: offset, mustEnd: end === size });
    } catch (error) {
      // Frees the connection: nobody reads the body any more.
      await response.body?.cancel().catch(() => undefined);
      throw error;
    }
  }

  async *whole(size: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const response = await this.#fetch({}, signal);
    try {
      if (response.status !== 200) throw badStatus(this.#name, response);
      refusePage(this.#name, response);
      this.#checkState(response);
      this.#checkWhole(response, size);
      let seen = 0;
      const pieces = boundedPieces(response, {
        maxBytes: size,
        tooLarge: () => badAnswer(this.#name, `must have ${size} bytes, got more`),
        guard: (read) => this.#guard(read, signal),
      });
      for await (const piece of pieces) {
        seen += piece.length;
        yield piece;
      }
      if (seen < size) throw shortBody(this.#name, size, seen);
    } finally {
      await response.body?.cancel().catch(() => undefined);
    }
  }

  #checkWhole(response: Response, size: number): void {
    const whole = plainLength(response);
    if (whole === undefined || whole === size) return;
    throw badAnswer(this.#name, `must have ${size} bytes, got ${whole}`);
  }

  /** Shows the body after the first `skip` bytes. With `mustEnd`, one byte more is an error. */
  async #body(
    response: Response,
    { length, signal, onPiece }: Pull,
    { skip, mustEnd }: { skip: number; mustEnd: boolean },
  ): Promise<void> {
    const wanted = skip + length;
    let seen = 0;
    const pieces = boundedPieces(response, {
      maxBytes: mustEnd ? wanted : Number.POSITIVE_INFINITY,
      tooLarge: () => badAnswer(this.#name, `must answer with ${length} bytes, got more`),
      guard: (read) => this.#guard(read, signal),
    });
    for await (const piece of pieces) {
      const from = Math.max(skip - seen, 0);
      const part = piece.subarray(from, Math.max(wanted - seen, 0));
      seen += piece.length;
      if (part.length > 0) await onPiece(part);
      if (seen >= wanted && !mustEnd) break;
    }
    if (seen < wanted) throw shortBody(this.#name, wanted, seen);
  }

  /** Throws for an answer from another file than the one that was opened. */
  #checkState(response: Response): void {
    const opened = this.#opened;
    if (opened === undefined) return;
    const now = validatorsOf(response);
    const total = response.status === 200 ? plainLength(response) : contentRange(response)?.total;
    // With 416 some servers send the tag and date of their error page instead of the file's.
    const isSame = response.status === 416 || isSameVersion(opened, now);
    if (isSame && (total === undefined || total === opened.size)) return;
    throw changed(
      withoutSecrets(this.#url),
      { size: opened.size, version: versionOf(opened) },
      { size: total ?? opened.size, version: versionOf(now) },
    );
  }

  async #fetch(init: { method?: string; headers?: Record<string, string> }, signal?: AbortSignal): Promise<Response> {
    const given = new AbortController();
    const signals = [given.signal, signal, this.#options.signal].filter((each) => each !== undefined);
    const { fetch: fetcher = fetch, headers } = this.#options;
    return await this.#guard(
      () =>
        fetcher(this.#url, {
          ...init,
          // A compressed answer counts other bytes. Browsers send this with ranges anyway.
          headers: { 'accept-encoding': 'identity', ...headers, ...init.headers },
          signal: AbortSignal.any(signals),
        }),
      signal,
      () => given.abort(),
    );
  }

  #guard<T>(act: () => Promise<T>, signal: AbortSignal | undefined, giveUp?: () => void): Promise<T> {
    const { stallMs, signal: own } = this.#options;
    return guardNetwork(act, { name: this.#name, host: hostOf(this.#url), stallMs, signals: [signal, own], giveUp });
  }
}
