import { InputError } from '@flux-srpo/core';

/** Far above the longest prompt (32,000 characters), far below what hurts. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** The body as text; no more than `MAX_BODY_BYTES` and a piece are ever held, whatever the headers promise. */
export async function readBody(request: Request): Promise<string> {
  if (request.body === null) return '';
  const reader = request.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > MAX_BODY_BYTES) {
      // Not awaited: a peer that keeps sending must not hold up the answer.
      reader.cancel().catch(() => undefined);
      throw new InputError(`a request body must be at most ${MAX_BODY_BYTES} bytes, got more`, {
        code: 'input/too-large',
        details: { max: MAX_BODY_BYTES },
      });
    }
    text += decoder.decode(value, { stream: true });
  }
}
