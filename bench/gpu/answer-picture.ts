import { readFile } from 'node:fs/promises';
import { createPipeline, createWebGpuBackend, openBundle } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';
import { psnr } from '../../test/support/psnr.ts';
import { PICTURE } from './picture.ts';
import type { Kernels, Tell } from './questions.ts';

/** As test/gpu/embedded-model.test.ts allows, where lavapipe gave 88 and 65 dB. */
const LEAST_DECIBELS = { f32: 80, f16: 60 };

/**
 * The embedded model's picture beside the one that onnxruntime-node drew when this was packed.
 *
 * @param folder holds `tiny` and `picture.rgb`
 */
export async function answerPicture(kernels: Kernels, folder: URL, tell: Tell): Promise<void> {
  const bundle = await openBundle(folderBundle(new URL('tiny', folder).pathname));
  const backend = await createWebGpuBackend({ ...kernels, selfTest: false });
  const pipeline = await createPipeline({ bundle, backend });
  const { images, timings, plan, memory } = await pipeline.generate(PICTURE);
  await pipeline.dispose();
  const decibels = psnr([await readFile(new URL('picture.rgb', folder))], [images[0]!.rgb]);
  const least = LEAST_DECIBELS[kernels.precision];
  tell({
    what: 'picture',
    ...kernels,
    // JSON has no Infinity, which equal pictures have.
    decibels: Math.min(decibels, 999),
    least,
    isRight: decibels >= least,
    seconds: timings.total / 1000,
    planned: plan.peak,
    counted: memory.peakBytes,
    isAllFreed: backend.ledger.snapshot().bytes === 0,
  });
}
