import { formatBytes, StorageError } from '@flux-srpo/core';

/** Whether a model's files fit into Cache storage, and whether they would stay there. */

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

/** A key of Cache storage. Nothing is ever fetched from it. */
const CHECK = 'https://check.invalid/';
const CHECK_CACHE = 'flux-srpo-check';

/**
 * Whether a cache outlives the page, frame or worker that filled it. In private windows of WebKit
 * none does: the entries are gone with the last object that stands for their cache. So there an
 * empty frame puts one and is removed. Only a page can tell; elsewhere the answer is yes.
 */
export async function cachesLast(): Promise<boolean> {
  if (globalThis.document === undefined || globalThis.caches === undefined) return true;
  // What WebKit says of itself, on every system.
  if (!navigator.vendor.startsWith('Apple')) return true;
  const frame = document.createElement('iframe');
  frame.hidden = true;
  document.documentElement.append(frame);
  try {
    const { caches: inside } = frame.contentWindow as Window & typeof globalThis;
    await (await inside.open(CHECK_CACHE)).put(CHECK, new Response('stays'));
    frame.remove();
    return (await caches.match(CHECK, { cacheName: CHECK_CACHE })) !== undefined;
  } catch {
    // Refused altogether, or full: whoever keeps something is told.
    return true;
  } finally {
    frame.remove();
    await caches.delete(CHECK_CACHE).catch(() => undefined);
  }
}

/** @param lasting what `cachesLast` has found */
export function whyNoCaches(lasting: boolean | undefined): StorageError | undefined {
  if (globalThis.caches === undefined) return nothingLasts('the browser offers storage only to pages with HTTPS');
  if (lasting === false) return nothingLasts('this window is a private one, whose storage ends with each worker');
  return undefined;
}

export function nothingLasts(why: string): StorageError {
  return new StorageError(`${why}, so the model is fetched every time`, { code: 'storage/unavailable' });
}
