import { expect, it } from 'vitest';
import { whenUnused, writeFile } from './opfs-write.ts';

const BYTES = new Uint8Array(1000);

/**
 * A folder in whose files writes give `taken`, as a browser's do when the disk is full. What
 * becomes of them is in `done`.
 */
function folderThatTakes(taken: number) {
  const done: string[] = [];
  const access = { write: () => taken, close: () => undefined };
  const file = { createSyncAccessHandle: async () => access, move: async (name: string) => done.push(`named ${name}`) };
  const folder = { getFileHandle: async () => file, removeEntry: async () => done.push('removed') };
  return { folder: folder as unknown as FileSystemDirectoryHandle, done };
}

it('takes a write that is not whole for a full storage, though the browser throws nothing', async () => {
  const whole = folderThatTakes(1000);
  await writeFile(whole.folder, 'a', BYTES);
  expect(whole.done).toEqual(['named a']);
  // Firefox 153 writes less; Chromium 156 in a private window gives a negative number in 32 bits.
  for (const taken of [999, 0, 4_294_967_288]) {
    const { folder, done } = folderThatTakes(taken);
    await expect(writeFile(folder, 'a', BYTES)).rejects.toMatchObject({ code: 'storage/quota-exceeded' });
    expect(done).toEqual(['removed']);
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
