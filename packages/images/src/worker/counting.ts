import type { Backend, BundleFiles, Stage } from '@flux-srpo/runtime';

/** Runs, reads and uploads that have ended, well or not. Where it stands still while there is work, something may hang. */
export interface FinishedCounter {
  finished: number;
}

/** The backend, every step of whose work is counted when it ends. */
export function countingBackend(backend: Backend, counter: FinishedCounter): Backend {
  const openStage: Backend['openStage'] = async (...args) => {
    const stage = await counted(backend.openStage(...args), counter);
    const session: Stage['session'] = (...input) => counted(stage.session(...input), counter);
    const upload: Stage['upload'] = (...input) => counted(stage.upload(...input), counter);
    const run: Stage['run'] = (...input) => counted(stage.run(...input), counter);
    const read: Stage['read'] = (...input) => counted(stage.read(...input), counter);
    return { ...stage, session, upload, run, read };
  };
  return { ...backend, openStage };
}

/** The files, every read of which is counted when it ends. */
export function countingFiles(files: BundleFiles, counter: FinishedCounter): BundleFiles {
  return {
    name: files.name,
    async open(...args) {
      const source = await files.open(...args);
      return { ...source, read: (...range) => counted(source.read(...range), counter) };
    },
  };
}

function counted<T>(work: Promise<T>, counter: FinishedCounter): Promise<T> {
  return work.finally(() => {
    counter.finished++;
  });
}
