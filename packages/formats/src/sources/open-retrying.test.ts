import { NetworkError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { bytesSource } from './byte-source.ts';
import { openRetrying } from './open-retrying.ts';

const FILE = bytesSource(Uint8Array.of(1, 2, 3, 4), 'file');

/** A source that fails so often before it answers. */
async function failing(times: number, error: Error) {
  const waits: number[] = [];
  let tries = 0;
  const source = {
    ...FILE,
    async read(offset: number, length: number) {
      if (tries++ < times) throw error;
      return await FILE.read(offset, length);
    },
  };
  const wait = async (delay: number) => void waits.push(delay);
  return { source: await openRetrying(async () => source, { delays: [1, 2], wait }), waits, tries: () => tries };
}

const broken = new NetworkError('the connection broke', { code: 'network/unreachable' });
const answered = (status: number) => new NetworkError(`got ${status}`, { code: 'network/status', details: { status } });

describe('a source that was opened', () => {
  it('reads again after each delay and then gives the bytes', async () => {
    const { source, waits } = await failing(2, broken);
    expect([...(await source.read(1, 2))]).toEqual([2, 3]);
    expect(waits).toEqual([1, 2]);
  });

  it('gives up with the last failure once its delays are used up', async () => {
    const { source, tries } = await failing(3, broken);
    await expect(source.read(0, 1)).rejects.toBe(broken);
    expect(tries()).toBe(3);
  });

  it.each([503, 429])('tries again after status %d', async (status) => {
    const { source } = await failing(1, answered(status));
    expect([...(await source.read(0, 1))]).toEqual([1]);
  });

  it.each([
    [0, 1],
    [7_000, 7_000],
    [86_400_000, 60_000],
  ])('waits as long as a busy server asks, at most a minute: %d ms', async (retryAfterMs, waited) => {
    const details = { status: 429, retryAfterMs };
    const { source, waits } = await failing(1, new NetworkError('busy', { code: 'network/status', details }));
    await source.read(0, 1);
    expect(waits).toEqual([waited]);
  });

  it.each([401, 404, 200])('does not ask again after status %d', async (status) => {
    const { source, tries } = await failing(1, answered(status));
    await expect(source.read(0, 1)).rejects.toMatchObject({ details: { status } });
    expect(tries()).toBe(1);
  });

  it('does not hide failures that are not the network’s', async () => {
    const { source, tries } = await failing(1, new RangeError('a bug'));
    await expect(source.read(0, 1)).rejects.toThrow(RangeError);
    expect(tries()).toBe(1);
  });

  it('stops waiting when it is aborted', async () => {
    const controller = new AbortController();
    const open = async () => ({ ...FILE, read: () => Promise.reject(broken) });
    const source = await openRetrying(open, { delays: [60_000] });
    const reading = source.read(0, 1, controller.signal);
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('openRetrying', () => {
  const opening = (times: number, error: Error) => {
    const waits: number[] = [];
    let tries = 0;
    const open = async () => {
      if (tries++ < times) throw error;
      return FILE;
    };
    const wait = async (delay: number) => void waits.push(delay);
    return { source: openRetrying(open, { wait }), waits, tries: () => tries };
  };

  it.each([broken, answered(503), answered(429)])('opens after a failure that passes: %s', async (error) => {
    const { source, waits } = opening(1, error);
    expect([...(await (await source).read(0, 2))]).toEqual([1, 2]);
    expect(waits).toEqual([500]);
  });

  it('gives up early on a server that is not heard of, late on one that is busy', async () => {
    const unheard = opening(9, broken);
    await expect(unheard.source).rejects.toBe(broken);
    const busy = opening(9, answered(429));
    await expect(busy.source).rejects.toMatchObject({ details: { status: 429 } });
    expect([unheard.tries(), busy.tries()]).toEqual([3, 5]);
  });

  it.each([401, 404])('does not ask again after status %d', async (status) => {
    const { source, tries } = opening(1, answered(status));
    await expect(source).rejects.toMatchObject({ details: { status } });
    expect(tries()).toBe(1);
  });
});
