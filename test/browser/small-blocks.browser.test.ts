import { createWasmBackend, createWebGpuBackend } from '@flux-srpo/runtime';
import { expect, it } from 'vitest';
import { blockLinearError, SMALL_BLOCK_CASES, SMALL_BLOCK_TOLERANCE } from '../support/small-blocks.ts';

// No class of weights uses blocks of 16 (SPEED.md says why). That decision rests on their being
// correct here.

it.each([
  ['webgpu', () => createWebGpuBackend({ selfTest: false })],
  ['wasm', () => createWasmBackend()],
] as const)('blocks of 16 with float32 scales multiply on %s as a loop does', async (name, create) => {
  const backend = await create();
  try {
    const stage = await backend.openStage('blocks of 16');
    for (const { linear, rows } of SMALL_BLOCK_CASES) {
      const error = await blockLinearError(stage, linear, rows);
      console.info(`${name}, ${linear.bits} bits, ${rows} rows: ${error.toExponential(1)} of the largest result`);
      expect(error).toBeLessThan(SMALL_BLOCK_TOLERANCE);
    }
  } finally {
    await backend.dispose();
  }
});
