/** What HTTP says to tell one state of a file from another. */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

export function validatorsOf({ headers }: Response): Validators {
  return { etag: headers.get('etag') ?? undefined, lastModified: headers.get('last-modified') ?? undefined };
}

/** The validator that tells the most, as a text. */
export function versionOf({ etag, lastModified }: Validators): string | undefined {
  return etag ?? lastModified;
}

/**
 * Compares entity tags where both answers have one, else dates. Tags are compared weakly: caches on
 * the way may weaken them.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2
 */
export function isSameVersion(before: Validators, now: Validators): boolean {
  const opaque = (tag: string) => tag.replace(/^W\//, '');
  if (before.etag !== undefined && now.etag !== undefined) return opaque(before.etag) === opaque(now.etag);
  if (before.lastModified === undefined || now.lastModified === undefined) return true;
  return before.lastModified === now.lastModified;
}

/**
 * `Content-Range`: `bytes start-last/total`, or `bytes *` and the total. `end` is exclusive; what
 * the header leaves open is absent.
 */
export function contentRange(response: Response): { start?: number; end?: number; total?: number } | undefined {
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (match === null) return undefined;
  const [, start, last, total] = match;
  return {
    ...(start === undefined ? {} : { start: Number(start), end: Number(last) + 1 }),
    ...(total === '*' ? {} : { total: Number(total) }),
  };
}

/** `Content-Length`, where it counts the bytes of the file itself. */
export function plainLength(response: Response): number | undefined {
  const length = response.headers.get('content-length');
  if (length === null || !response.ok || response.headers.get('content-encoding') !== null) return undefined;
  return Number(length);
}
