import { describe, expect, it } from 'vitest';
import { parseRetryAfter, retry, sleep } from './retry.ts';

const failure = new Error('the connection broke');

/** Fails so many times, then gives the number of its try. */
function failing(times: number): () => Promise<number> {
  let tries = 0;
  return async () => {
    if (tries++ < times) throw failure;
    return tries;
  };
}

describe('retry', () => {
  it('waits as the policy says between the tries, and gives what the first good one gave', async () => {
    const waits: number[] = [];
    const result = await retry(failing(2), {
      pauseAfter: (error, tries) => (error === failure ? tries * 10 : undefined),
      wait: async (milliseconds) => void waits.push(milliseconds),
    });
    expect([result, waits]).toEqual([3, [10, 20]]);
  });

  it('rejects with the last error where the policy gives up', async () => {
    const act = failing(2);
    await expect(retry(act, { pauseAfter: (_, tries) => (tries < 2 ? 0 : undefined) })).rejects.toBe(failure);
    await expect(act()).resolves.toBe(3);
  });

  it('does not ask the policy once it is aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const act = async () => {
      controller.abort(reason);
      throw failure;
    };
    const pauseAfter = () => expect.unreachable('aborted work was about to be tried again');
    await expect(retry(act, { pauseAfter, signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('sleep', () => {
  it('ends with the reason of an abort, before or during the wait', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(sleep(60_000, controller.signal)).rejects.toBe(reason);
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['2', 2000],
    [' 0 ', 0],
    ['0.5', 500],
    ['86400', 86_400_000],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
    ['Thursday, 01-Jan-26 00:00:10 GMT', 10_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['-1', undefined],
    ['1.5 or so', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('reads "%s"', (header, milliseconds) => {
    expect(parseRetryAfter(header, now)).toBe(milliseconds);
  });
});
