import type { ImportInput } from '../../packages/images/src/store/import/import-messages.ts';
import { importModel } from '../../packages/images/src/store/import/import-model.ts';
import type { TaskAnswer } from '../../packages/images/src/store/tasks.ts';

/**
 * The library's import, in a worker whose heap is watched. `asFiles` fetches the URLs into files
 * first, because a browser keeps large files out of the heap.
 */
export type Input = ImportInput & { asFiles: boolean };

self.addEventListener('message', async ({ data: { asFiles, ...input } }: MessageEvent<Input>) => {
  const folder = { ...input.folder };
  for (const [path, url] of asFiles ? Object.entries(folder) : []) {
    const blob = await (await fetch(url as string)).blob();
    folder[path] = new File([blob], path.split('/').pop() as string);
  }
  const post = (message: TaskAnswer<'import'>) =>
    message.type === 'progress' && self.postMessage({ note: message.progress });
  importModel({ ...input, folder }, post).then(
    (result) => self.postMessage({ result }),
    (error: unknown) => self.postMessage({ failure: String(error) }),
  );
});
