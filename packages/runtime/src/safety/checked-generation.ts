import { InputError } from '@flux-srpo/core';
import type { GenerateOptions, GenerateResult } from '../generation/contract.ts';
import { type SafetyGuard, withheld } from './safety-guard.ts';

/**
 * A generation whose pictures are checked before anyone sees them: there are no previews, and
 * flagged pictures come back black.
 *
 * @param generate draws the pictures
 */
export async function generateChecked(
  guard: SafetyGuard,
  options: GenerateOptions,
  generate: (options: GenerateOptions) => Promise<GenerateResult>,
): Promise<GenerateResult> {
  if (options.onTensor) {
    throw new InputError('onTensor and enableSafetyChecker exclude each other, got both: tensors are not checked', {
      code: 'input/conflict',
      details: { field: 'enable_safety_checker' },
    });
  }
  const started = performance.now();
  await guard.load();
  const result = await generate({ ...options, onPreview: undefined });
  const flagged: boolean[] = [];
  for (const image of result.images) {
    options.signal?.throwIfAborted();
    flagged.push(await guard.isFlagged(image));
  }
  const images = result.images.map((image, i) => (flagged[i] ? withheld(image) : image));
  const timings = { ...result.timings, total: performance.now() - started };
  return { ...result, images, flagged, timings };
}
