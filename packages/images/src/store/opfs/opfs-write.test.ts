import { expect, it } from 'vitest';
import type { SyncAccess } from './opfs-files.ts';
import { whenUnused, writeAll } from './opfs-write.ts';

const BYTES = new Uint8Array(1000);

/** A file whose writes give `taken`, as that browser's do when the disk is full. */
const file = (taken: number) => ({ write: () => taken }) as unknown as SyncAccess;

it('takes a write that is not whole for a full storage, though the browser throws nothing', () => {
  expect(() => writeAll(file(1000), BYTES, 0, 'weights/a')).not.toThrow();
  // Firefox 153 writes less; Chromium 156 in a private window gives a negative number in 32 bits.
  for (const taken of [999, 0, 4_294_967_288]) {
    const full = expect.objectContaining({ code: 'storage/quota-exceeded' });
    expect(() => writeAll(file(taken), BYTES, 0, 'weights/a')).toThrow(full);
  }
});

// As Chromium 156 names them.
it.each(['NoModificationAllowedError', 'InvalidModificationError'])('tries again after %s', async (name) => {
  let tries = 0;
  const act = async () => {
    if (++tries === 1) throw new DOMException('in use', name);
    return tries;
  };
  expect(await whenUnused(act)).toBe(2);
});
