import { isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { Queue } from './queue.ts';

/** Work that ends when told. */
function job() {
  let end: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work: () => done, end };
}

const settled = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  );

describe('Queue', () => {
  it('runs one at a time, in order, and says how many run and wait', async () => {
    const queue = new Queue(2);
    const order: number[] = [];
    const [first, second] = [job(), job()];
    const runs = [first, second].map(({ work }, i) => queue.run(() => work().then(() => order.push(i))));
    expect(queue.state).toEqual({ running: 1, waiting: 1, max: 2 });
    second.end();
    await Promise.resolve();
    expect(order).toEqual([]);
    first.end();
    await Promise.all(runs);
    expect(order).toEqual([0, 1]);
    expect(queue.state).toEqual({ running: 0, waiting: 0, max: 2 });
  });

  it('refuses the one too many with a code that says so, and takes others once there is room', async () => {
    const queue = new Queue(1);
    const first = job();
    const runs = [queue.run(first.work), queue.run(async () => undefined)];
    const error = await settled(queue.run(async () => undefined));
    expect(isFluxError(error, 'input/queue-full')).toBe(true);
    first.end();
    await Promise.all(runs);
    expect(await settled(queue.run(async () => undefined))).toBe('done');
  });

  it('gives up the place of an aborted call at once, and never runs it', async () => {
    const queue = new Queue(1);
    const [first, controller] = [job(), new AbortController()];
    const running = queue.run(first.work);
    let hasRun = false;
    const waiting = settled(
      queue.run(async () => {
        hasRun = true;
      }, controller.signal),
    );
    controller.abort('changed my mind');
    expect(await waiting).toBe('changed my mind');
    expect(queue.state.waiting).toBe(0);
    first.end();
    await running;
    expect(hasRun).toBe(false);
    expect(await settled(queue.run(async () => undefined, AbortSignal.abort('too late')))).toBe('too late');
  });

  it('goes on after a failure', async () => {
    const queue = new Queue(3);
    const failing = settled(queue.run(() => Promise.reject(new Error('first'))));
    expect(await settled(queue.run(async () => undefined))).toBe('done');
    expect(await failing).toEqual(new Error('first'));
  });

  it('lets nobody overtake a call that is about to start', async () => {
    const queue = new Queue(9);
    const order: string[] = [];
    const first = queue.run(async () => void order.push('first'));
    const second = queue.run(async () => void order.push('second'));
    await first;
    const third = queue.run(async () => void order.push('third'));
    await Promise.all([second, third]);
    expect(order).toEqual(['first', 'second', 'third']);
  });
});
