import { describe, expect, it } from 'vitest';
import { PartCache } from './part-cache.ts';
import type { PartWeights } from './weights.ts';

/** A cache whose loads end when the test says so, and what became of each. */
function controlled() {
  const loads: { part: string; signal: AbortSignal; arrive: () => void; fail: (reason: unknown) => void }[] = [];
  const disposed: string[] = [];
  const cache = new PartCache(
    (part, signal) =>
      new Promise<PartWeights>((resolve, reject) => {
        const arrive = () => resolve({ feeds: {}, bytes: 10, dispose: () => disposed.push(part) });
        loads.push({ part, signal, arrive, fail: reject });
      }),
  );
  return { cache, loads, disposed };
}

describe('the cache of parts', () => {
  it('loads a part once, however often it is asked for', async () => {
    const { cache, loads } = controlled();
    cache.prefetch('a');
    const [first, second] = [cache.get('a'), cache.get('a')];
    loads[0]!.arrive();
    expect(await first).toBe(await second);
    expect(await cache.get('a')).toBe(await first);
    expect(loads).toHaveLength(1);
  });

  it('counts the bytes of what has arrived, and of nothing that was dropped', async () => {
    const { cache, loads, disposed } = controlled();
    cache.prefetch('a');
    cache.prefetch('b');
    expect(cache.bytes).toBe(0);
    for (const load of loads) load.arrive();
    await cache.settle();
    expect(cache.bytes).toBe(20);
    cache.drop('a');
    expect(cache.bytes).toBe(10);
    expect(disposed).toEqual(['a']);
  });

  it('stops loading what is dropped, and frees it if it arrives all the same', async () => {
    const { cache, loads, disposed } = controlled();
    cache.prefetch('a');
    cache.drop('a');
    expect(loads[0]!.signal.aborted).toBe(true);
    loads[0]!.arrive();
    await cache.settle();
    expect(disposed).toEqual(['a']);
    expect(cache.bytes).toBe(0);
    cache.prefetch('a');
    expect(loads).toHaveLength(2);
  });

  it('stops a load when its caller aborts', () => {
    const { cache, loads } = controlled();
    const controller = new AbortController();
    cache.prefetch('a', controller.signal);
    controller.abort();
    expect(loads[0]!.signal.aborted).toBe(true);
  });

  it('tells a failure to whoever asks for the part, and tries again after it', async () => {
    const { cache, loads } = controlled();
    cache.prefetch('a');
    const asked = cache.get('a');
    loads[0]!.fail(new Error('disk'));
    await expect(asked).rejects.toThrow('disk');
    await cache.settle();
    const again = cache.get('a');
    loads[1]!.arrive();
    expect((await again).bytes).toBe(10);
  });

  it('keeps a failure that nobody asks for to itself', async () => {
    const { cache, loads } = controlled();
    cache.prefetch('a');
    loads[0]!.fail(new Error('disk'));
    await cache.settle();
    expect(cache.bytes).toBe(0);
  });

  it('is clear only when no load is under way any more', async () => {
    const { cache, loads, disposed } = controlled();
    cache.prefetch('here');
    loads[0]!.arrive();
    await cache.settle();
    cache.prefetch('coming');
    let isClear = false;
    const clearing = cache.clear().then(() => {
      isClear = true;
    });
    await Promise.resolve();
    expect([disposed, isClear]).toEqual([['here'], false]);
    loads[1]!.arrive();
    await clearing;
    expect(disposed).toEqual(['here', 'coming']);
  });
});
