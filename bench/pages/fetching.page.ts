import { type Manifest, manifestChunks } from '@flux-srpo/core';
import { createFluxSrpo } from 'flux-srpo';

export interface Input {
  bundle: string;
  rounds: number;
}

/** MB/s of each round. */
export type Result = Record<'bare' | 'kept' | 'checked', number[]>;

/** Requests at once: as many as the library makes. */
const CONCURRENT = 4;

export async function run({ bundle, rounds }: Input): Promise<Result> {
  const { storage } = createFluxSrpo({ model: bundle, backend: 'wasm' });
  const manifest: Manifest = await (await fetch(`${bundle}manifest.json`)).json();
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const result: Result = { bare: [], kept: [], checked: [] };
  const time = async (name: keyof Result, act: () => Promise<unknown>): Promise<void> => {
    const since = performance.now();
    await act();
    result[name].push(bytes / 1000 / (performance.now() - since));
  };
  await storage.remove(bundle);
  for (let round = 0; round < rounds; round++) {
    await time('bare', () => fetchAll(bundle, manifest));
    await time('kept', () => storage.fetch(bundle));
    await time('checked', () => storage.verify(bundle));
    await storage.remove(bundle);
  }
  return result;
}

/** Fetches every chunk in a worker, and throws it away. */
function fetchAll(bundle: string, manifest: Manifest): Promise<void> {
  const chunks = [...manifestChunks(manifest)].map(({ path, offset, bytes }) => [
    bundle + path,
    `bytes=${offset}-${offset + bytes - 1}`,
  ]);
  const code = `
    const chunks = ${JSON.stringify(chunks)};
    const lane = async () => {
      for (let next = chunks.shift(); next !== undefined; next = chunks.shift()) {
        const [url, range] = next;
        const response = await fetch(url, { headers: { range }, cache: 'no-store' });
        const reader = response.body.getReader();
        while (!(await reader.read()).done);
      }
    };
    Promise.all(Array.from({ length: ${CONCURRENT} }, lane)).then(() => postMessage('done'));`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  return new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = ({ message }) => reject(new Error(message));
  }).finally(() => worker.terminate());
}
