/**
 * A pause in which a worker hears messages. A run ends in microtasks: without pauses a whole
 * generation is one task, which hears of no cancel and answers no ping.
 *
 * @returns a function that resolves in a task of its own, behind those that wait. A channel and not
 * a timer: timers take 4 ms each
 */
export function createPause(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}
