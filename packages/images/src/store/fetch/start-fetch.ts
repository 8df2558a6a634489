import { type ModelSource, readModelSource } from '../model-source.ts';
import type { FetchOptions, ModelFetch } from '../model-storage.ts';
import { runTask } from '../run-task.ts';
import type { TaskMessage } from '../tasks.ts';

/** Fetches a model in a worker of its own, which can be told to pause. */
export function startFetch(
  source: string | URL | ModelSource,
  { signal, onProgress, workerUrl }: FetchOptions = {},
): { fetching: ModelFetch } {
  let isPaused = false;
  let send: (message: TaskMessage) => void = () => undefined;
  const pause = (paused: boolean) => (): void => {
    isPaused = paused;
    send({ paused });
  };
  const fetching = async () => {
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
  // Wrapped: a promise that is returned through another one would lose its methods.
  return { fetching: Object.assign(fetching(), { pause: pause(true), resume: pause(false) }) };
}
