import { createWasmBackend, createWebGpuBackend } from '@flux-srpo/runtime';
import { expect, it } from 'vitest';
import { OFFSET_CLASSES, OFFSET_TOLERANCE, OFFSET_WIDTHS, offsetLinearError } from '../support/offset-linear.ts';

it.each([
  ['webgpu', () => createWebGpuBackend({ selfTest: false })],
  ['wasm', () => createWasmBackend()],
] as const)('4-bit blocks with offsets multiply on %s as a loop does', async (name, create) => {
  const backend = await create();
  try {
    const stage = await backend.openStage('offsets');
    for (const weightClass of OFFSET_CLASSES) {
      for (const width of OFFSET_WIDTHS) {
        const error = await offsetLinearError(stage, weightClass, width);
        const share = error.toExponential(1);
        console.info(`${name}, ${weightClass}, ${width} features: ${share} of the results' RMS at most`);
        expect(error).toBeLessThan(OFFSET_TOLERANCE);
      }
    }
  } finally {
    await backend.dispose();
  }
});
