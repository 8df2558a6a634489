import { isFluxError } from '@flux-srpo/core';
import type { OpenDevice } from './device.ts';
import { outOfMemory } from './device-errors.ts';
import { createBuffer } from './gpu-buffers.ts';

/** A GPU that takes longer to clear one piece has no memory of its own left. */
const PATIENCE_MS = 1000;

/**
 * Makes buffers one after another, and writes to each, until one is refused. All are given back.
 *
 * @param pieces bytes, multiples of 4
 * @param open is destroyed
 * @returns bytes that were made before the first refusal; 0 where the device was lost
 */
export async function tryMemory(open: OpenDevice, pieces: readonly number[]): Promise<number> {
  let made = 0;
  try {
    for (const piece of pieces) {
      await makeAndClear(open, piece);
      made += piece;
    }
  } catch (error) {
    if (isFluxError(error, 'device/lost')) return 0;
    if (!isFluxError(error, 'device/')) throw error;
  } finally {
    open.destroy();
  }
  return made;
}

/** Drivers make some buffers when they are first written. */
async function makeAndClear(open: OpenDevice, bytes: number): Promise<void> {
  const { device } = open;
  const largest = Math.floor(device.limits.maxBufferSize / 4) * 4;
  const encoder = device.createCommandEncoder();
  for (let left = bytes; left > 0; left -= largest) {
    const size = Math.min(left, largest);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    encoder.clearBuffer(await createBuffer(device, { label: 'memory trial', size, usage }));
  }
  const started = performance.now();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  open.assertAlive();
  if (performance.now() - started > PATIENCE_MS) throw outOfMemory(`${bytes} bytes take too long to write`);
}
