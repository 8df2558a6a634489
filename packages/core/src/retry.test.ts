import { describe, expect, it } from 'vitest';
import { retry, sleep } from './retry.ts';

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
