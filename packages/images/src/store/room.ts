import { formatBytes, StorageError } from '@flux-srpo/core';

/**
 * What Chromium says that it offers, whatever the disk has.
 * @see https://chromestatus.com/feature/4977371751645184
 */
const CONSTANT_OFFER = 10 * 2 ** 30;

/** Bytes that the browser still offers this origin. Absent where it does not say. */
export async function offeredRoom(): Promise<number | undefined> {
  const { quota, usage = 0 } = (await globalThis.navigator?.storage?.estimate?.().catch(() => undefined)) ?? {};
  if (quota === undefined || quota - usage === CONSTANT_OFFER) return undefined;
  return Math.max(0, quota - usage);
}

/** @param room absent where the browser does not say */
export function tooLittleRoom(bytes: number, room: number | undefined): StorageError {
  const offered = room === undefined ? 'has less room for this page' : `offers this page ${formatBytes(room)}`;
  return new StorageError(
    `the model's files need ${formatBytes(bytes)} more in this browser, which ${offered}; remove other models, choose a smaller one, or say keep: false to fetch it every time`,
    { code: 'storage/quota-exceeded', details: { needed: bytes, ...(room === undefined ? {} : { room }) } },
  );
}
