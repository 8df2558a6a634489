import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { compileKernels, KERNELS_FILE } from '../../scripts/wasm.ts';

it('the committed kernels are what the compiler makes of their source', async () => {
  expect(await readFile(KERNELS_FILE, 'utf8')).toBe(await compileKernels());
});
