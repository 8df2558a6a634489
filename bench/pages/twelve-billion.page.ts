import { createFluxSrpo, type ImageRequestNonStreaming, type ImageResponse } from 'flux-srpo';

export interface Input {
  bundle: string;
  /** Bytes of device memory. */
  memoryBudget: number;
  request: Omit<ImageRequestNonStreaming, 'model'>;
}

export interface ClientResult {
  response: Omit<ImageResponse, 'data'>;
  /** Milliseconds until the model was loaded, with the GPU's self-test. */
  loadMs: number;
  /** [H, W, 3] */
  rgb: number[];
}

/**
 * Draws one picture as any page would: with the library's client, its own worker and default
 * options, except for the budget and `keep`.
 */
export async function run(
  { bundle, memoryBudget, request }: Input,
  note: (note: unknown) => void,
): Promise<ClientResult> {
  // `keep` would write the whole model to the browser's storage first.
  const flux = createFluxSrpo({ model: bundle, backend: 'webgpu', memoryBudget, keep: false });
  const started = performance.now();
  const { model } = await flux.load();
  const loadMs = performance.now() - started;
  note(`loaded after ${Math.round(loadMs)} ms`);
  const { data, ...response } = await flux.images.generate({ model, ...request }, { onProgress: note });
  const png = await (await fetch(data[0]?.url as string)).blob();
  return { response, loadMs, rgb: await pixels(png) };
}

async function pixels(png: Blob): Promise<number[]> {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: 'none' });
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  context?.drawImage(bitmap, 0, 0);
  const rgba = context?.getImageData(0, 0, bitmap.width, bitmap.height).data ?? [];
  return Array.from(rgba).filter((_, i) => i % 4 !== 3);
}
