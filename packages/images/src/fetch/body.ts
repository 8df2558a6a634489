import { boundedPieces, InputError, isRounded } from '@flux-srpo/core';
import { decodePieces } from '../wire/decode-pieces.ts';

/** Far above the longest prompt (32,000 characters), far below what hurts. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** A mistake in the body or its headers, and the status for it. */
export class BodyProblem extends Error {
  readonly status: 400 | 415;
  readonly code: string;
  /** Of the answer: what is accepted. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: 400 | 415, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/**
 * The JSON of a request's body: uncompressed, in UTF-8, of at most `MAX_BODY_BYTES`. @throws
 * BodyProblem, InputError
 */
export async function readJsonBody(request: Request): Promise<unknown> {
  checkHeaders(request.headers);
  const body = await streamed(request);
  const pieces = boundedPieces(body, { maxBytes: MAX_BODY_BYTES, tooLarge });
  let text = '';
  for await (const piece of decodePieces(pieces, notUtf8)) text += piece;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BodyProblem(400, 'invalid_json', 'the request body must be JSON');
  }
  refuseRounded(text);
  return json;
}

/** Texts, numbers and braces of a document that is JSON. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}]/g;

/** `JSON.parse` rounds without a word: 2^53 + 1 would be drawn as the seed 2^53. */
function refuseRounded(json: string): void {
  const path: string[] = [];
  let name = '';
  for (const [token] of json.matchAll(TOKENS)) {
    if (token === '{') path.push(name);
    else if (token === '}') path.pop();
    else if (token.startsWith('"')) name = token.slice(1, -1);
    else if (path.length > 0 && isRounded(token)) {
      const field = [...path.slice(1), name].join('.').slice(0, 80);
      throw new InputError(`${field} must be a number that can be kept exactly, got ${token.slice(0, 80)}`, {
        code: 'input/out-of-range',
        details: { field },
      });
    }
  }
}

/**
 * Firefox's requests have no `body`. There a request comes from the page itself, so all of it is in
 * memory already.
 */
async function streamed(request: Request): Promise<Request | Response> {
  return request.body === undefined ? new Response(await request.arrayBuffer()) : request;
}

function checkHeaders(headers: Headers): void {
  const [type = '', ...parameters] = (headers.get('content-type') ?? '').split(';').map((part) => part.trim());
  // A page elsewhere can post plain text without asking; JSON needs CORS to allow it.
  if (type.toLowerCase() !== 'application/json') {
    throw new BodyProblem(415, 'unsupported_media_type', 'content-type must be application/json');
  }
  const charset = parameters.map((each) => /^charset\s*=\s*"?([^"]*)"?$/i.exec(each)?.[1]).find((each) => each);
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    const got = JSON.stringify(charset.slice(0, 40));
    throw new BodyProblem(400, 'invalid_encoding', `the request body must be UTF-8, got the charset ${got}`);
  }
  const encoding = headers.get('content-encoding')?.trim() ?? '';
  if (encoding !== '' && encoding.toLowerCase() !== 'identity') {
    const got = JSON.stringify(encoding.slice(0, 40));
    // RFC 9110 §12.5.3: the answer says what is accepted.
    throw new BodyProblem(
      415,
      'unsupported_content_encoding',
      `the request body must not be compressed, got content-encoding ${got}; send it as it is`,
      { 'accept-encoding': 'identity' },
    );
  }
}

function notUtf8(): BodyProblem {
  return new BodyProblem(400, 'invalid_encoding', 'the request body must be UTF-8, got other bytes; encode it anew');
}

function tooLarge(max: number): InputError {
  return new InputError(`a request body must be at most ${max} bytes, got more`, {
    code: 'input/too-large',
    details: { max },
  });
}
