import { DeviceError, type ErrorCode, FluxError, InputError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { toHttpError } from './errors.ts';
import { fromHttpError } from './remote-errors.ts';
import { STATUSES } from './statuses.ts';

const CODES = Object.keys(STATUSES) as ErrorCode[];

describe('toHttpError', () => {
  it('names the field in param and says whether to try again', () => {
    const error = new InputError('n must be an integer, got string', { code: 'input/type', details: { field: 'n' } });
    expect(toHttpError(error)).toEqual({
      status: 400,
      headers: { 'content-type': 'application/json', 'x-should-retry': 'false' },
      body: {
        error: {
          message: 'n must be an integer, got string',
          type: 'invalid_request_error',
          param: 'n',
          code: 'invalid_type',
        },
      },
    });
  });

  it('asks to come again only for a full queue, a rate limit and a server that stops', () => {
    const retryable = CODES.filter(
      (code) => toHttpError(new FluxError('x', { code })).headers['x-should-retry'] === 'true',
    );
    expect(retryable.sort()).toEqual(['input/queue-full', 'network/rate-limited', 'network/stopping']);
    expect(toHttpError(new FluxError('x', { code: 'input/queue-full' })).headers['retry-after']).toBe('5');
  });

  it('answers an abort with 499 and tells nothing of errors that are not ours', () => {
    expect(toHttpError(new DOMException('stop', 'AbortError'))).toMatchObject({
      status: 499,
      body: { error: { code: 'aborted' } },
    });
    expect(toHttpError(new TypeError('/home/someone/secret'))).toMatchObject({
      status: 500,
      body: { error: { message: 'internal error', code: 'internal_error' } },
    });
    expect(toHttpError(undefined).status).toBe(500);
  });
});

describe('fromHttpError', () => {
  it('gives every error of ours back its class, code and answer', () => {
    for (const code of CODES) {
      const answer = toHttpError(new FluxError('why', { code, details: { field: 'f' } }));
      const error = fromHttpError(answer.status, answer.body);
      expect([error.code, error.message, error.details.field]).toEqual([code, 'why', 'f']);
      expect(toHttpError(error)).toEqual(answer);
    }
    expect(fromHttpError(503, toHttpError(new DeviceError('', { code: 'device/lost' })).body)).toBeInstanceOf(
      DeviceError,
    );
  });

  // Bodies as the services send them: OneRouter, OpenAI, stable-diffusion.cpp's server, FastAPI,
  // fal, proxies.
  it.each([
    [422, { error: { message: 'Invalid', type: 'x', param: '', code: 422 } }, 'input/rejected', 'Invalid', undefined],
    [
      400,
      { error: { message: 'no', type: 'image_generation_user_error', param: null, code: 'moderation_blocked' } },
      'input/content-policy',
      'no',
      undefined,
    ],
    [422, { error: { message: 'no', type: 'content_policy_violation' } }, 'input/content-policy', 'no', undefined],
    [400, { error: 'prompt required' }, 'input/rejected', 'prompt required', undefined],
    [500, { error: 'server_error', message: 'boom' }, 'network/status', 'boom', undefined],
    [
      422,
      { detail: [{ loc: ['body', 'seed'], msg: 'not an int', type: 'int_type' }] },
      'input/rejected',
      'not an int',
      'seed',
    ],
    [401, { detail: 'No key' }, 'input/unauthorized', 'No key', undefined],
    [403, '', 'input/unauthorized', 'the server answered 403 and did not say why', undefined],
    [404, '<html>\n<h1>Not Found</h1>', 'model/not-found', '<html> <h1>Not Found</h1>', undefined],
    [502, '<html>Bad Gateway</html>', 'network/status', '<html>Bad Gateway</html>', undefined],
    [429, null, 'network/rate-limited', 'the server answered 429 and did not say why', undefined],
    [418, [1, 2], 'network/status', 'the server answered 418 and did not say why', undefined],
    [500, { error: { message: { deep: true } } }, 'network/status', 'the server answered 500 and', undefined],
    [500, { detail: [] }, 'network/status', 'the server answered 500 and', undefined],
    [500, 'a\u0000b\u202e\r\nc', 'network/status', 'a b c', undefined],
  ])('reads %i with %j', (status, body, code, words, field) => {
    const error = fromHttpError(status, body);
    expect([error.code, error.details.field]).toEqual([code, field]);
    expect(error.message).toContain(words);
  });

  it('keeps a message of a megabyte short', () => {
    expect(fromHttpError(500, 'x'.repeat(1e6)).message.length).toBeLessThan(320);
  });

  it('keeps the request id and when to come again', () => {
    const headers = new Headers({ 'x-request-id': 'req_1', 'retry-after': '7' });
    expect(fromHttpError(429, null, headers).details).toMatchObject({
      retryAfterMs: 7000,
      remote: { status: 429, requestId: 'req_1' },
    });
    const tomorrow = new Headers({ 'retry-after': '86400' });
    expect(fromHttpError(503, null, tomorrow).details.retryAfterMs).toBe(60_000);
  });
});
