import { boundedPieces, FormatError, isFluxError, NetworkError, parseRetryAfter } from '@flux-srpo/core';
import { type ByteSource, type Bytes, checkRange } from './byte-source.ts';
import { changed, type FileState } from './changed.ts';

/** A server that ignores `Range` is read through from the start, but no further than this before the wanted bytes. */
const MAX_SKIPPED_BYTES = 16 * 1024 * 1024;

const ADVICE: Readonly<Record<number, string>> = {
  401: 'it asks for an access token, or for another one',
  403: 'it gives this file to others only; on a hub, accept the terms of the model first',
  404: 'check the address',
  410: 'check the address',
  429: 'it wants fewer requests; try again later',
};

/** A request that brings no byte for so long is given up. */
const STALL_MS = 30_000;
/** A stall is so many looks without a byte: a thread that was busy itself for minutes has looked once. */
const STALL_LOOKS = 10;

export interface HttpSourceOptions {
  fetch?: typeof fetch;
  headers?: Readonly<Record<string, string>>;
  /** Aborts opening, and every read. */
  signal?: AbortSignal;
  /** Bytes of the file where they are known, from a manifest for instance; else the server is asked. */
  size?: number;
  /** Milliseconds without a byte after which a request is given up. @default 30 seconds */
  stallMs?: number;
}

/**
 * A source over a URL, one `Range` request per read. Nothing is retried here and nothing is trusted: every answer is measured. Where the
 * server was asked for the size, each later answer must be of the same file as that one, by its size, entity tag and time of change.
 */
export async function httpSource(url: string | URL, options: HttpSourceOptions = {}): Promise<ByteSource> {
  const name = shortName(url);
  const request = new RangeRequest(url, name, options);
  const size = options.size ?? (await request.askSize());
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`size must be a number of bytes, got ${size}`);
  const source: ByteSource = {
    size,
    name,
    url: withoutSecrets(url),
    ...(request.version === undefined ? {} : { version: request.version }),
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      options.signal?.throwIfAborted();
      checkRange(source, offset, length);
      return length === 0 ? new Uint8Array(0) : await request.read(offset, length, size, signal);
    },
  };
  return source;
}

class RangeRequest {
  readonly #url: string | URL;
  readonly #name: string;
  readonly #options: HttpSourceOptions;
  /** What the server said of the file when asked for its size. Undefined where the size was known. */
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
    await response.body?.cancel();
    const size = await this.#sizeBy(response);
    this.#opened = { ...validatorsOf(response), size };
    return size;
  }

  /** The file's size: from `Content-Range`, or where cross-origin rules hide it, from `HEAD`. */
  async #sizeBy(response: Response): Promise<number> {
    if (response.status === 206) {
      const total = contentRange(response)?.total;
      if (total !== undefined) return total;
      return plainLength(await this.#fetch({ method: 'HEAD' })) ?? this.#failSize(response);
    }
    // An empty file has no byte 0.
    if (response.status === 416) return contentRange(response)?.total ?? this.#failStatus(response);
    if (response.status !== 200) this.#failStatus(response);
    this.#refuseHtml(response);
    return plainLength(response) ?? this.#failSize(response);
  }

  async read(offset: number, length: number, size: number, signal: AbortSignal | undefined): Promise<Bytes> {
    const end = offset + length;
    const response = await this.#fetch({ headers: { range: `bytes=${offset}-${end - 1}` } }, signal);
    try {
      if (response.status === 200) this.#refuseHtml(response);
      this.#checkState(response);
      if (response.status === 206) {
        this.#checkContentRange(response, offset, end, size);
        return await this.#body(response, 0, length, true, signal);
      }
      if (response.status === 416) this.#failRange(offset, length, size);
      if (response.status !== 200) this.#failStatus(response);
      const whole = plainLength(response);
      if (whole !== undefined && whole !== size) this.#fail(`must have ${size} bytes, got ${whole}`);
      if (offset > MAX_SKIPPED_BYTES) {
        this.#fail(`must answer range requests with 206, got 200; serve it from a host that supports ranges`, {
          status: 200,
        });
      }
      return await this.#body(response, offset, length, end === size, signal);
    } catch (error) {
      // Frees the connection; the body is of no more use.
      await response.body?.cancel().catch(() => undefined);
      throw error;
    }
  }

  /** `length` bytes after the first `skip`; with `mustEnd`, one byte more is a lie about the length. */
  async #body(
    response: Response,
    skip: number,
    length: number,
    mustEnd: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Bytes> {
    const out = new Uint8Array(length);
    const wanted = skip + length;
    let seen = 0;
    const pieces = boundedPieces(response, {
      maxBytes: mustEnd ? wanted : Number.POSITIVE_INFINITY,
      tooLarge: () => this.#problem(`must answer with ${length} bytes, got more`),
      guard: (read) => this.#guard(read, signal),
    });
    for await (const piece of pieces) {
      const from = Math.max(skip - seen, 0);
      const part = piece.subarray(from, Math.max(wanted - seen, 0));
      if (part.length > 0) out.set(part, seen + from - skip);
      seen += piece.length;
      if (seen >= wanted && !mustEnd) break;
    }
    if (seen < wanted) {
      throw new NetworkError(`${this.#name}: expected ${wanted} bytes of body, got ${seen}; try again`, {
        code: 'network/truncated',
        details: { name: this.#name, expected: wanted, got: seen },
      });
    }
    return out;
  }

  /** Throws for an answer out of another file than the one that was opened. */
  #checkState(response: Response): void {
    const opened = this.#opened;
    if (opened === undefined || ![200, 206, 416].includes(response.status)) return;
    const now = validatorsOf(response);
    const total = response.status === 200 ? plainLength(response) : contentRange(response)?.total;
    // Some servers send with 416 neither tag nor date of the file, but those of their own page for it.
    const isSame = response.status === 416 || isSameVersion(opened, now);
    if (isSame && (total === undefined || total === opened.size)) return;
    const state = (size: number, version: string | undefined): FileState => ({ size, version });
    throw changed(
      withoutSecrets(this.#url),
      state(opened.size, versionOf(opened)),
      state(total ?? opened.size, versionOf(now)),
    );
  }

  #checkContentRange(response: Response, offset: number, end: number, size: number): void {
    const encoding = response.headers.get('content-encoding') ?? 'identity';
    if (encoding !== 'identity') this.#fail(`must answer ranges uncompressed, got content-encoding "${encoding}"`);
    const range = contentRange(response);
    // Hidden from cross-origin pages unless the server exposes it; the length of the body is checked either way.
    if (range === undefined) return;
    if (range.start === offset && range.end === end && (range.total === undefined || range.total === size)) return;
    this.#fail(`must answer with bytes ${offset}-${end - 1}/${size}, got "${response.headers.get('content-range')}"`);
  }

  #refuseHtml(response: Response): void {
    // Servers of single-page apps answer a missing file with their index page and status 200.
    if (response.headers.get('content-type')?.includes('text/html')) this.#fail('must be a file, got an HTML page');
  }

  async #fetch(init: { method?: string; headers?: Record<string, string> }, signal?: AbortSignal): Promise<Response> {
    const given = new AbortController();
    const signals = [given.signal, signal, this.#options.signal].filter((each) => each !== undefined);
    const { fetch: fetcher = fetch, headers } = this.#options;
    return await this.#guard(
      () =>
        fetcher(this.#url, {
          ...init,
          // A compressed answer would count its bytes differently. Browsers ask for identity with ranges by themselves.
          headers: { 'accept-encoding': 'identity', ...headers, ...init.headers },
          signal: AbortSignal.any(signals),
        }),
      signal,
      () => given.abort(),
    );
  }

  /** Failures and silence of the network as our error, unless they are the caller's own abort. */
  async #guard<T>(act: () => Promise<T>, signal: AbortSignal | undefined, giveUp?: () => void): Promise<T> {
    const { stallMs = STALL_MS } = this.#options;
    let timer: ReturnType<typeof setInterval> | undefined;
    const stall = new Promise<never>((_, reject) => {
      let looks = 0;
      timer = setInterval(() => {
        if (++looks < STALL_LOOKS) return;
        reject(
          new NetworkError(`${this.#name}: the server has sent nothing for ${stallMs / 1000} seconds; try again`, {
            code: 'network/timeout',
            details: { name: this.#name, stallMs },
          }),
        );
        giveUp?.();
      }, stallMs / STALL_LOOKS);
    });
    try {
      return await Promise.race([act(), stall]);
    } catch (cause) {
      signal?.throwIfAborted();
      this.#options.signal?.throwIfAborted();
      if (isFluxError(cause)) throw cause;
      throw new NetworkError(`${this.#name}: the server could not be reached or the connection broke; try again`, {
        code: 'network/unreachable',
        details: { name: this.#name },
        cause,
      });
    } finally {
      clearInterval(timer);
    }
  }

  #failStatus(response: Response): never {
    const { status, statusText } = response;
    const advice = ADVICE[status] ?? (status >= 500 ? 'try again later' : undefined);
    const got = `${status} ${statusText}`.trimEnd();
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'));
    this.#fail(`must answer with 206, got ${advice === undefined ? got : `${got}; ${advice}`}`, {
      status,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  #failSize(response: Response): never {
    const encoding = response.headers.get('content-encoding');
    const got = encoding === null ? 'none' : `one that content-encoding "${encoding}" makes meaningless`;
    this.#fail(`must tell the size of the file, got ${got}; download the file first`);
  }

  #failRange(offset: number, length: number, size: number): never {
    throw new FormatError(`${this.#name}: expected ${size} bytes, but the server has no ${length} bytes at ${offset}`, {
      code: 'format/truncated',
      details: { name: this.#name, size, offset, length },
    });
  }

  #fail(problem: string, details: Record<string, unknown> = {}): never {
    throw this.#problem(problem, details);
  }

  #problem(problem: string, details: Record<string, unknown> = {}): NetworkError {
    return new NetworkError(`${this.#name}: the server ${problem}`, {
      code: 'network/status',
      details: { name: this.#name, ...details },
    });
  }
}

/** What HTTP has to tell one state of a file from another. */
interface Validators {
  etag: string | undefined;
  lastModified: string | undefined;
}

function validatorsOf({ headers }: Response): Validators {
  return { etag: headers.get('etag') ?? undefined, lastModified: headers.get('last-modified') ?? undefined };
}

function versionOf({ etag, lastModified }: Validators): string | undefined {
  return etag ?? lastModified;
}

/** By the entity tags where both have one (RFC 9110 §8.8.3.2, weak comparison: caches on the way may weaken them), else by the dates. */
function isSameVersion(before: Validators, now: Validators): boolean {
  const opaque = (tag: string) => tag.replace(/^W\//, '');
  if (before.etag !== undefined && now.etag !== undefined) return opaque(before.etag) === opaque(now.etag);
  if (before.lastModified === undefined || now.lastModified === undefined) return true;
  return before.lastModified === now.lastModified;
}

/** `bytes start-last/total`, or `bytes *` and the total; with an exclusive end. */
function contentRange(response: Response): { start?: number; end?: number; total?: number } | undefined {
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (match === null) return undefined;
  const [, start, last, total] = match;
  return {
    ...(start === undefined ? {} : { start: Number(start), end: Number(last) + 1 }),
    ...(total === '*' ? {} : { total: Number(total) }),
  };
}

/** `Content-Length`, where it counts the bytes of the file itself. */
function plainLength(response: Response): number | undefined {
  const length = response.headers.get('content-length');
  if (length === null || !response.ok || response.headers.get('content-encoding') !== null) return undefined;
  return Number(length);
}

/** Queries may hold signatures, and errors get logged. */
function withoutSecrets(url: string | URL): string {
  return String(url)
    .split(/[?#]/)[0]!
    .replace(/\/\/[^/]*@/, '//');
}

/** The last path segment. */
function shortName(url: string | URL): string {
  return withoutSecrets(url).split('/').pop() || 'file';
}
