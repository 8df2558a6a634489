import { type HttpError, toHttpError } from '../wire/errors.ts';

/** What an answer needs besides its content. */
export interface AnswerContext {
  /** Sent as `x-request-id`; openai-node shows it as `_request_id`. */
  requestId: string;
  /** Called for everything that ended in an error answer. */
  onError?: ((error: unknown, requestId: string) => void) | undefined;
  /** Called with the `error.code` of every error answer. */
  onRefusal?: ((code: string) => void) | undefined;
}

/** Not `crypto.randomUUID`, which pages without HTTPS do not have. */
export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `req_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

export function jsonAnswer(body: unknown, { requestId }: AnswerContext): Response {
  return new Response(JSON.stringify(body), {
    headers: { 'content-type': 'application/json', 'x-request-id': requestId },
  });
}

/** The answer for any error, with its status, `error` body and retry headers. */
export function errorAnswer(error: unknown, context: AnswerContext): Response {
  context.onError?.(error, context.requestId);
  return refusal(toHttpError(error), context);
}

/** The answer to a wrong method, a wrong content type, or a body that is not JSON. */
export function protocolError(
  status: number,
  code: string,
  message: string,
  context: AnswerContext,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return refusal(
    {
      status,
      headers: { ...headers, 'content-type': 'application/json', 'x-should-retry': 'false' },
      body: { error: { message, type: 'invalid_request_error', param: null, code } },
    },
    context,
  );
}

function refusal({ status, headers, body }: HttpError, { requestId, onRefusal }: AnswerContext): Response {
  onRefusal?.(body.error.code);
  return new Response(JSON.stringify(body), { status, headers: { ...headers, 'x-request-id': requestId } });
}
