import { isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { Queue } from './queue.ts';

/** Work that ends when it is told to. */
function work() {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { run: () => ended, end };
}

describe('Queue', () => {
  it('runs one at a time, in order', async () => {
    const queue = new Queue(8);
    const log: string[] = [];
    const step = (name: string) => async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      log.push(`${name} ends`);
    };
    await Promise.all(['a', 'b', 'c'].map((name) => queue.run(step(name), undefined)));
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect([queue.running, queue.waiting]).toEqual([0, 0]);
  });

  it('refuses who would wait beyond the bound', async () => {
    const queue = new Queue(1);
    const first = work();
    const running = queue.run(first.run, undefined);
    const waiting = queue.run(async () => 'second', undefined);
    expect([queue.running, queue.waiting]).toEqual([1, 1]);
    const error = await queue.run(async () => 'third', undefined).catch((error) => error);
    expect(isFluxError(error, 'input/queue-full')).toBe(true);
    first.end();
    await running;
    expect(await waiting).toBe('second');
  });

  it('lets no one wait when the bound is 0, and one run', async () => {
    const queue = new Queue(0);
    const first = work();
    const running = queue.run(first.run, undefined);
    await expect(queue.run(async () => 'second', undefined)).rejects.toMatchObject({ code: 'input/queue-full' });
    first.end();
    await running;
    expect(await queue.run(async () => 'third', undefined)).toBe('third');
  });

  it('lets who aborts leave, with the reason, and keeps the order of the rest', async () => {
    const queue = new Queue(3);
    const first = work();
    const controller = new AbortController();
    const running = queue.run(first.run, undefined);
    const second = queue.run(async () => 'second', controller.signal);
    const third = queue.run(async () => 'third', undefined);
    controller.abort('enough');
    await expect(second).rejects.toBe('enough');
    expect(queue.waiting).toBe(1);
    first.end();
    await running;
    expect(await third).toBe('third');
    await expect(queue.run(async () => 'late', controller.signal)).rejects.toBe('enough');
    expect([queue.running, queue.waiting]).toEqual([0, 0]);
  });

  it('goes on after work that failed', async () => {
    const queue = new Queue(1);
    const failing = queue.run(() => Promise.reject(new Error('no')), undefined);
    const next = queue.run(async () => 'next', undefined);
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('next');
  });
});
