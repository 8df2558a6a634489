import { describe, expect, it } from 'vitest';
import { ImageStore } from './image-store.ts';

const idOf = (path: string) => path.slice('/images/'.length, -'.png'.length);
const png = (length: number) => new Uint8Array(length);

describe('ImageStore', () => {
  it('gives every picture an address of 128 random bits', () => {
    const store = new ImageStore();
    const paths = Array.from({ length: 100 }, () => store.add(png(1)));
    for (const path of paths) expect(path).toMatch(/^\/images\/[A-Za-z0-9_-]{22}\.png$/);
    expect(new Set(paths).size).toBe(100);
  });

  it('forgets a picture when its time is over, and gives its memory back', () => {
    let now = 0;
    const store = new ImageStore({ lifetimeMs: 100, now: () => now });
    const first = idOf(store.add(png(10)));
    now = 60;
    const second = idOf(store.add(png(20)));
    now = 99;
    expect(store.get(first)).toHaveLength(10);
    now = 100;
    expect(store.get(first)).toBeUndefined();
    expect(store.get(second)).toHaveLength(20);
    expect([store.count, store.bytes]).toEqual([1, 20]);
  });

  it('keeps no more than its count, the newest', () => {
    const store = new ImageStore({ maxCount: 3 });
    const ids = Array.from({ length: 5 }, () => idOf(store.add(png(1))));
    expect(ids.map((id) => store.get(id) !== undefined)).toEqual([false, false, true, true, true]);
  });

  it('keeps no more than its bytes, but always the last picture', () => {
    const store = new ImageStore({ maxBytes: 100 });
    const small = idOf(store.add(png(60)));
    const large = idOf(store.add(png(1000)));
    expect(store.get(small)).toBeUndefined();
    expect(store.get(large)).toHaveLength(1000);
    expect(store.bytes).toBe(1000);
  });

  it('knows no address it did not give', () => {
    expect(new ImageStore().get('__proto__')).toBeUndefined();
  });
});
