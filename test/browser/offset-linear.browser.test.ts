import { createWasmBackend, createWebGpuBackend } from '@flux-srpo/runtime';
import { expect, it } from 'vitest';
import { OFFSET_TOLERANCE, OFFSET_WIDTHS, offsetLinearError } from '../support/offset-linear.ts';

it.each([
  ['webgpu', () => createWebGpuBackend({ selfTest: false })],
  ['wasm', () => createWasmBackend()],
] as const)('4-bit blocks with offsets multiply on %s as a loop does', async (name, create) => {
  const backend = await create();
  try {
    const stage = await backend.openStage('offsets');
    for (const width of OFFSET_WIDTHS) {
      const error = await offsetLinearError(stage, width);
      console.info(`${name}, ${width} features: ${error.toExponential(1)} of the results' RMS at most`);
      expect(error).toBeLessThan(OFFSET_TOLERANCE);
    }
  } finally {
    await backend.dispose();
  }
});
