import { type FluxSrpo, type ImageResponse, isFluxError, type LoadedModel, type Preview } from 'flux-srpo';
import { type Picture, withUrl } from './pictures/picture.ts';
import { pixelsOf, readRequest } from './request.ts';
import { advance, startProgress } from './run-progress.ts';
import type { Source } from './source.ts';
import { type Job, modelOf, type Outcome, type Stage } from './state.ts';
import type { Store } from './store.ts';
import { tell } from './tab.ts';
import { words } from './words.ts';

/** Runs that may wait. */
export const MAX_WAITING = 8;

const NOTHING: Outcome = { text: '', notes: [] };

/**
 * Runs what was asked for, one after the other.
 *
 * @param current what draws
 * @param finish keeps what was made
 */
export function createRunner(
  store: Store,
  current: () => Source & { flux: FluxSrpo; model: LoadedModel },
  finish: (pictures: Picture[]) => Promise<void>,
) {
  let count = 0;

  const jobs = (): readonly Job[] => (store.state.stage.at === 'running' ? store.state.stage.jobs : []);
  const setJobs = ([first, ...rest]: readonly Job[], set: Store['set'] = store.set): void => {
    const model = modelOf(store.state.stage);
    if (model === undefined) return;
    const stage: Stage =
      first === undefined ? { at: 'ready', model } : { at: 'running', model, jobs: [first, ...rest] };
    set({ stage });
  };
  const changeJob = (id: number, change: (job: Job) => Job): void => {
    if (jobs().some((job) => job.id === id)) {
      setJobs(
        jobs().map((job) => (job.id === id ? change(job) : job)),
        store.setSoon,
      );
    }
  };

  async function perform({ id, request, cancel: { signal } }: Job): Promise<void> {
    const from = performance.now();
    store.set({ outcome: NOTHING });
    changeJob(id, (job) => ({ ...job, progress: startProgress(words.run.starting, from) }));
    try {
      const {
        flux: client,
        address,
        host,
        service,
        model: { model },
      } = current();
      const response = await client.images.generate(
        host === undefined ? request : { ...request, model, response_format: 'b64_json' },
        {
          signal,
          onProgress: (event) =>
            changeJob(id, (job) => ({ ...job, progress: advance(job.progress, event, performance.now()) })),
          // A server's would have to be asked for, and not every service has them.
          onPartialImage:
            host === undefined
              ? (preview) => changeJob(id, (job) => ({ ...job, previews: withPreview(job.previews, preview) }))
              : undefined,
        },
      );
      const seconds = (performance.now() - from) / 1000;
      const pictures = await takePictures(
        client,
        response,
        { ...request, seed: response.seed ?? request.seed },
        { seconds, bundle: address, ...(host && { host }), ...(service && { service }) },
      );
      const isWithheld = response.data.length > pictures.length;
      const notes = response.warnings.map(({ field, reason }) => `${field}: ${reason}`);
      const text = words.run.done(seconds, response.seed);
      store.set({
        shown: pictures,
        outcome: { text, notes: isWithheld ? [words.frame.withheld, ...notes] : notes },
        announcement: text,
      });
      tell();
      await finish(pictures);
    } catch (error) {
      const text = signal.aborted ? words.run.cancelled : '';
      store.set({ outcome: { ...NOTHING, text, ...(signal.aborted ? {} : { error }) }, announcement: text });
    }
  }

  async function takePictures(
    client: FluxSrpo,
    { data, device, timings, memory, ...response }: ImageResponse,
    request: Job['request'],
    known: Pick<Picture, 'seconds' | 'bundle' | 'host' | 'service'>,
  ): Promise<Picture[]> {
    const model = modelOf(store.state.stage);
    const pictures = data.map(async ({ url, b64_json }, index): Promise<Picture[]> => {
      const address = b64_json === undefined ? url : `data:image/png;base64,${b64_json}`;
      if (address === undefined) return [];
      const png = await (await fetch(address)).blob();
      // The client made the URL, so the client frees it. The page's own lasts as long as the
      // picture.
      if (url !== undefined) client.revokeImageUrl(url);
      const { width, height } = await createImageBitmap(png);
      const created = Date.now();
      return [
        withUrl({
          id: `${created}-${index}-${request.seed}`,
          created,
          png,
          request: { ...request, model: response.model ?? model?.model ?? null },
          index,
          width,
          height,
          modelName: model?.name ?? '',
          device: device === 'webgpu' || device === 'wasm' ? device : 'remote',
          ...known,
          ...(timings === undefined ? {} : { timings }),
          ...(memory === undefined ? {} : { memory }),
        }),
      ];
    });
    return (await Promise.all(pictures)).flat();
  }

  let isBusy = false;
  async function runAll(): Promise<void> {
    if (isBusy) return;
    isBusy = true;
    for (let [job] = jobs(); job !== undefined; [job] = jobs()) {
      await perform(job);
      const { id } = job;
      // Another model may have been opened meanwhile, which ends every job.
      if (store.state.stage.at === 'running') setJobs(jobs().filter((each) => each.id !== id));
    }
    isBusy = false;
  }

  return {
    /** Draws what the form asks for, after what waits already. */
    draw(): void {
      const { stage, form } = store.state;
      if (stage.at !== 'ready' && stage.at !== 'running') return;
      if (jobs().length > MAX_WAITING) return;
      const { model } = stage;
      const job: Job = {
        id: ++count,
        request: readRequest(form, model),
        size: pixelsOf(form, model),
        cancel: new AbortController(),
        progress: startProgress(words.run.starting, performance.now()),
        previews: [],
      };
      setJobs([...jobs(), job]);
      void runAll();
    },
    /** Time goes on, also where no event comes. */
    tick(now: number): void {
      const [first] = jobs();
      if (first !== undefined) changeJob(first.id, (job) => ({ ...job, progress: { ...job.progress, now } }));
    },
    /** Ends the running one, or takes back one that waits. */
    cancel(id = jobs()[0]?.id): void {
      const job = jobs().find((each) => each.id === id);
      job?.cancel.abort();
      if (job !== jobs()[0]) setJobs(jobs().filter((each) => each !== job));
    },
    /** Ends everything. */
    stop(): void {
      const [first, ...waiting] = jobs();
      if (first === undefined) return;
      for (const job of [first, ...waiting]) job.cancel.abort();
      setJobs([first]);
    },
  };
}

function withPreview(previews: readonly Preview[], preview: Preview): Preview[] {
  return [...previews.filter(({ image }) => image !== preview.image), preview].sort((a, b) => a.image - b.image);
}

/** The error's words, with its code. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return isFluxError(error) ? `${message} (${error.code})` : message;
}
