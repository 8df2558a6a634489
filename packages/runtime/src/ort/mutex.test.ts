import { describe, expect, it } from 'vitest';
import { mutexOf } from './mutex.ts';

const tick = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('the mutex', () => {
  it('runs one task at a time, in the order they came', async () => {
    const mutex = mutexOf({});
    const log: string[] = [];
    const task = (name: string, ms: number) =>
      mutex.exclusive(async () => {
        log.push(`${name} in`);
        await tick(ms);
        log.push(`${name} out`);
        return name;
      });
    expect(await Promise.all([task('a', 5), task('b', 1), task('c', 0)])).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  it('goes on after a task that failed, synchronously or not', async () => {
    const mutex = mutexOf({});
    const failing = mutex.exclusive(() => {
      throw new Error('first');
    });
    const rejecting = mutex.exclusive(() => Promise.reject(new Error('second')));
    const next = mutex.exclusive(() => 3);
    await expect(failing).rejects.toThrow('first');
    await expect(rejecting).rejects.toThrow('second');
    expect(await next).toBe(3);
  });

  it('rejects what was queued once it is poisoned, with the first cause', async () => {
    const mutex = mutexOf({});
    const trap = new Error('unreachable');
    const running = mutex.exclusive(() => {
      mutex.poison(trap);
      mutex.poison(new Error('later'));
    });
    let ran = false;
    const queued = mutex.exclusive(() => {
      ran = true;
    });
    await running;
    await expect(queued).rejects.toMatchObject({ code: 'device/worker-failed', cause: trap });
    expect(ran).toBe(false);
    expect(mutex.isPoisoned).toBe(true);
  });

  it('is one per runtime module', () => {
    const ort = {};
    expect(mutexOf(ort)).toBe(mutexOf(ort));
    expect(mutexOf({})).not.toBe(mutexOf(ort));
  });
});
