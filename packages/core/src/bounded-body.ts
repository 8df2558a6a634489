import { joinBytes } from './join-bytes.ts';

/** What is read of a `Request` or `Response`. (`core` is compiled without their types.) */
export interface BodyLike {
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): BodyReader } | null;
}

/** The part of `ReadableStreamDefaultReader` that is used. */
export interface BodyReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export interface BodyBounds {
  /** Most bytes that are taken, after decompression. */
  maxBytes: number;
  /** The error for a body that has more. */
  tooLarge(maxBytes: number): Error;
  /** Runs each read, for callers that watch a clock beside it. Its rejection ends the body. */
  guard?: (<Result>(read: () => Promise<Result>) => Promise<Result>) | undefined;
  /** The error for a body that breaks off after `bytes`. @default the cause itself */
  broken?: ((cause: unknown, bytes: number) => unknown) | undefined;
}

/**
 * The pieces of a body as they come. At most `maxBytes` and one piece are ever taken, whatever the
 * headers promise; a `Content-Length` above `maxBytes` is refused before anything is read. Whoever
 * leaves the loop early, or throws in it, closes the connection.
 */
export async function* boundedPieces(
  { headers, body }: BodyLike,
  { maxBytes, tooLarge, guard = (read) => read(), broken = (cause) => cause }: BodyBounds,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  try {
    if (Number(headers.get('content-length')) > maxBytes) throw tooLarge(maxBytes);
    for (let taken = 0; ; ) {
      const { done, value } = await guard(() => reader.read()).catch((cause: unknown) => {
        throw broken(cause, taken);
      });
      if (done || value === undefined) return;
      taken += value.length;
      if (taken > maxBytes) throw tooLarge(maxBytes);
      yield value;
    }
  } finally {
    // Not awaited: a peer that keeps sending must not hold up the caller, however it ends.
    reader.cancel().catch(() => undefined);
  }
}

/** The whole body in one new array; refused as in {@link boundedPieces}. */
export async function readBounded(body: BodyLike, bounds: BodyBounds): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of boundedPieces(body, bounds)) pieces.push(piece);
  return joinBytes(pieces);
}
