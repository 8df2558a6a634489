import { type ModelSource, readModelSource } from '../model-source.ts';
import type { FetchOptions, ModelFetch } from '../model-storage.ts';
import type { TaskMessage } from '../tasks.ts';

/** Fetches a model in a worker of its own, which can be told to pause. */
export function startFetch(
  source: string | URL | ModelSource,
  { signal, onProgress, workerUrl }: FetchOptions = {},
): ModelFetch {
  let isPaused = false;
  let send: (message: TaskMessage) => void = () => undefined;
  const pause = (paused: boolean) => (): void => {
    isPaused = paused;
    send({ paused });
  };
  const fetching = async () => {
    const { runTask } = await import('../run-task.ts');
    return runTask('fetch', readModelSource(source, 'url'), {
      signal,
      onProgress,
      workerUrl,
      onStart(post) {
        send = post;
        send({ paused: isPaused });
      },
    });
  };
  return Object.assign(fetching(), { pause: pause(true), resume: pause(false) });
}
