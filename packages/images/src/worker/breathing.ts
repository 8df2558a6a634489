import type { Backend, Stage } from '@flux-srpo/runtime';

/**
 * The backend with a pause before every run, in which the worker hears messages. A run ends in microtasks: without pauses a whole
 * generation is one task, which hears of no cancel and answers no ping.
 */
export function breathing(backend: Backend): Backend {
  const pause = createPause();
  const openStage: Backend['openStage'] = async (...args) => {
    const stage = await backend.openStage(...args);
    const run: Stage['run'] = async (...input) => {
      await pause();
      return stage.run(...input);
    };
    return { ...stage, run };
  };
  return { ...backend, openStage };
}

/** Resolves in a task of its own, behind those that wait. A channel and not a timer: timers take 4 ms each. */
function createPause(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}
