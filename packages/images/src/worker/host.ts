import { type Checkpoint, encodePicture, pictureSettings } from '@flux-srpo/runtime';
import { type Remote, transfer } from 'comlink';
import { openModel } from '../store/open-model.ts';
import { countedMemory } from '../wire/response.ts';
import { Gate } from './gate.ts';
import { type HostOptions, type LoadedPipeline, loadModel } from './load-model.ts';
import { createPause } from './pause.ts';
import type { PageApi, WorkerApi } from './protocol.ts';

/** The worker's end: one model, one call at a time. */
export function createHost(page: Remote<PageApi>, options: HostOptions = {}): WorkerApi {
  /** Runs, reads and uploads that have ended. If it stands still, something may hang. */
  let finished = 0;
  const hearMessages = createPause();
  const gate = new Gate();
  let loaded: LoadedPipeline | undefined;
  let running: AbortController | undefined;
  const beforeRun = async (): Promise<void> => {
    await hearMessages();
    await gate.pass(running?.signal);
  };
  const hooks = { beforeRun, onFinished: () => void finished++ };

  const run = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (running !== undefined) throw new Error('a call must wait for the answer to the one before it');
    running = new AbortController();
    try {
      return await work(running.signal);
    } finally {
      running = undefined;
    }
  };

  return {
    load: (input) =>
      run(async (signal) => {
        const { onProgress } = page;
        loaded ??= await loadModel(await openModel(input, options.openFiles), input, {
          ...options,
          hooks,
          signal,
          onProgress: (event) => void onProgress(event),
        });
        return loaded.model;
      }),

    generate: (request, from) =>
      run(async (signal) => {
        if (loaded === undefined) throw new Error('generate must come after load');
        const { pipeline } = loaded;
        // The page sent it, and has the prompt of it.
        let hasPrompt = from !== undefined;
        const onCheckpoint = ({ prompt, ...rest }: Checkpoint): void => {
          const buffers = [rest.latents, rest.computed?.latents].flatMap((each) => (each ? [each.buffer] : []));
          void page.onCheckpoint(transfer(hasPrompt ? rest : { ...rest, prompt }, buffers));
          hasPrompt = true;
        };
        const result = await pipeline.generate(request, {
          signal,
          from,
          onCheckpoint,
          onProgress: (progress) => void page.onProgress(progress),
          onPreview: (image) => void page.onPartialImage(transfer(image, [image.rgba.buffer])),
        });
        const { skippedSteps, dropped, timings, flagged } = result;
        const { seed } = result.request;
        const files: Uint8Array<ArrayBuffer>[] = [];
        for (const [i, image] of result.images.entries()) {
          // A task of its own, before which the worker hears of a cancel.
          await new Promise((resolve) => setTimeout(resolve));
          signal.throwIfAborted();
          const settings = pictureSettings(result, i, pipeline.bundle);
          // A withheld picture stays here: not even its black stand-in crosses.
          files.push((flagged?.[i] ? new Uint8Array() : encodePicture(image, settings)) as Uint8Array<ArrayBuffer>);
        }
        const output = {
          files,
          seed,
          skippedSteps,
          dropped,
          timings,
          memory: countedMemory(result),
          ...(flagged === undefined ? {} : { flagged }),
        };
        return transfer(
          output,
          files.map((file) => file.buffer),
        );
      }),

    unload: () =>
      run(async () => {
        const closing = loaded?.close();
        loaded = undefined;
        await closing;
      }),

    pause: (isPaused) => gate.setShut(isPaused),
    cancel: () => running?.abort(),
    ping: () => finished,
  };
}
