import { createPipeline, createWasmBackend, httpBundle, openBundle } from '@flux-srpo/runtime';
import type { WorkerMessage } from '../support/chromium.ts';

export interface PictureInput {
  bundle: string;
  threads: number;
  prompts: string[];
}

/** Seconds from prompt to picture, to the millisecond, by acceleration, a number a prompt. */
export interface PictureTimes {
  /** The first picture of all, which makes the sessions. */
  first: number;
  none: number[];
  high: number[];
}

const post = (message: WorkerMessage<PictureTimes>) => self.postMessage(message);

self.onmessage = async ({ data }: MessageEvent<PictureInput>) => {
  try {
    const backend = await createWasmBackend({ threads: data.threads });
    const pipeline = await createPipeline({ bundle: await openBundle(httpBundle(data.bundle)), backend });
    const seconds = async (prompt: string, acceleration: 'none' | 'high') => {
      const start = performance.now();
      await pipeline.generate({ prompt, acceleration, seed: 1 });
      return Math.round(performance.now() - start) / 1000;
    };
    const times: PictureTimes = { first: await seconds(data.prompts[0]!, 'none'), none: [], high: [] };
    for (const prompt of data.prompts) {
      times.none.push(await seconds(prompt, 'none'));
      times.high.push(await seconds(prompt, 'high'));
    }
    post({ result: times });
  } catch (error) {
    post({ failure: error instanceof Error ? `${error.stack}` : String(error) });
  }
};
