/**
 * The service worker of the built page. It keeps the page's files, each whole or not at all, and
 * answers with them. Names of files have their hash in them, so that a new version takes nothing
 * from an old one: its worker is installed beside, and takes over when the old page is closed.
 */

/** Put in by the build: a hash of all files, and the files by their path from the page. */
declare const VERSION: string;
declare const FILES: readonly string[];
/** Large files, of which a browser needs one: kept when they are first read. */
declare const LARGE: readonly string[];

/** What the types of a page have not. */
interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked extends Lasting {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface PageWorker {
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void;
  addEventListener(type: 'fetch', listener: (event: Asked) => void): void;
  addEventListener(type: 'message', listener: (event: Lasting & MessageEvent<unknown>) => void): void;
  registration: ServiceWorkerRegistration;
  clients: { claim(): Promise<void> };
}
const worker = self as unknown as PageWorker;

/** Kept models have names that begin otherwise. */
const PREFIX = 'flux-srpo-page ';
const CACHE = PREFIX + VERSION;

worker.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(CACHE).then(async (cache) => {
      // Whole or not at all: a file that fails fails the installation, and the next visit tries
      // again.
      await cache.addAll(FILES.map((path) => new Request(path, { cache: 'no-cache' })));
    }),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys().then(async (names) => {
      const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
      await Promise.all(old.map((name) => caches.delete(name)));
      // The first visit is kept from here on too.
      await worker.clients.claim();
    }),
  );
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const base = new URL('./', worker.registration.scope);
  if (request.method !== 'GET' || url.origin !== base.origin || !url.pathname.startsWith(base.pathname)) return;
  const path = url.pathname.slice(base.pathname.length);
  if (path === '' || path === 'index.html') event.respondWith(kept('./', request));
  else if (FILES.includes(path)) event.respondWith(kept(path, request));
  else if (LARGE.includes(path)) event.respondWith(keptOnce(path, request));
});

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

async function keptOnce(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const found = await cache.match(path);
  if (found !== undefined) return found;
  const answer = await fetch(request);
  // `put` waits for the whole body and keeps nothing of one that breaks off.
  if (answer.status === 200) void cache.put(path, answer.clone()).catch(() => undefined);
  return answer;
}

/**
 * The page has loaded its model. On a first visit that was before this worker was there, so what
 * computes is read once more, from the browser's HTTP cache where it is in it.
 */
worker.addEventListener('message', (event) => {
  if (event.data !== 'webgpu' && event.data !== 'wasm') return;
  const kind = event.data === 'wasm' ? /threaded-/ : 'Suspending' in WebAssembly ? /jspi/ : /asyncify/;
  event.waitUntil(
    caches.open(CACHE).then(async (cache) => {
      for (const path of LARGE.filter((each) => kind.test(each))) {
        if ((await cache.match(path)) === undefined) await cache.add(new Request(path, { cache: 'force-cache' }));
      }
    }),
  );
});

export {};
