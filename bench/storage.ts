// What a browser's two storages take to write and read a bundle's chunks of 8 MiB: Cache storage,
// where a chunk is an entry of its own, and the origin private file system, where it is a range of
// a file. Medians, interleaved, in a worker of Chromium. One JSON line.
//
//   npx tsx bench/storage.ts [--chunks 32]

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from '../scripts/lib/chromium.mjs';

const { values } = parseArgs({ options: { chunks: { type: 'string', default: '32' } } });

/** In the worker: times each way of writing and reading for one chunk after the other. */
const WORKER = `
onmessage = async ({ data: count }) => {
  const CHUNK = 8 * 2 ** 20;
  const bytes = new Uint8Array(CHUNK);
  for (let at = 0; at < CHUNK; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  const key = (i) => 'https://chunks.invalid/' + i;
  const cache = await caches.open('bench');
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle('bench', { create: true });
  const times = {};
  const time = async (name, act) => {
    const since = performance.now();
    await act();
    (times[name] ??= []).push(performance.now() - since);
  };
  let access = await handle.createSyncAccessHandle();
  for (let i = 0; i < count; i++) {
    await time('cache_put', () => cache.put(key(i), new Response(bytes)));
    await time('file_write', () => access.write(bytes, { at: i * CHUNK }));
  }
  access.flush();
  const into = new Uint8Array(CHUNK);
  for (let i = 0; i < count; i++) await time('file_sync_read', () => access.read(into, { at: i * CHUNK }));
  access.close();
  const file = await handle.getFile();
  for (let i = 0; i < count; i++) {
    await time('cache_read', async () => (await cache.match(key(i))).arrayBuffer());
    await time('file_read', () => file.slice(i * CHUNK, (i + 1) * CHUNK).arrayBuffer());
    await time('sha256', () => crypto.subtle.digest('SHA-256', bytes));
  }
  await caches.delete('bench');
  await root.removeEntry('bench');
  const median = (list) => Math.round(list.sort((a, b) => a - b)[list.length >> 1] * 10) / 10;
  postMessage(Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)])));
};`;

const server = createServer((request, response) => {
  const isWorker = request.url === '/worker.js';
  response.writeHead(200, { 'content-type': isWorker ? 'text/javascript' : 'text/html' });
  response.end(isWorker ? WORKER : '<!doctype html>');
});
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const executablePath = findChromium();
const profile = await mkdtemp(join(tmpdir(), 'flux-srpo-storage-'));
// With a profile of its own: a private window keeps everything in memory.
const browser = await chromium.launchPersistentContext(profile, {
  args: CHROMIUM_ARGS,
  ...(executablePath === undefined ? {} : { executablePath }),
});
const page = await browser.newPage();
await page.goto(url);
const milliseconds = await page.evaluate((count) => {
  const worker = new Worker('/worker.js');
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(count);
  });
}, Number(values.chunks));
console.log(JSON.stringify({ version: browser.browser()!.version(), chunk_mib: 8, milliseconds }));
await browser.close();
await rm(profile, { recursive: true, force: true, maxRetries: 5 });
server.close();
