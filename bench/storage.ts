// What it takes a browser to write and read a bundle's chunks of 8 MiB: as files of the origin
// private file system, the way the library does it, as one long file, and as entries of Cache
// storage. Medians, interleaved, in a worker of Chromium. One JSON line.
//
//   npx tsx bench/storage.ts [--chunks 32]

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { openProfile } from './support/profile.ts';

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
  const folder = await root.getDirectoryHandle('bench', { create: true });
  const times = {};
  const time = async (name, act) => {
    const since = performance.now();
    await act();
    (times[name] ??= []).push(performance.now() - since);
  };
  const long = await (await root.getFileHandle('long', { create: true })).createSyncAccessHandle();
  for (let i = 0; i < count; i++) {
    await time('cache_put', () => cache.put(key(i), new Response(bytes)));
    await time('file_put', async () => {
      const file = await folder.getFileHandle('new ' + i, { create: true });
      const access = await file.createSyncAccessHandle();
      access.write(bytes, { at: 0 });
      access.close();
      await file.move(String(i));
    });
    await time('range_write', () => long.write(bytes, { at: i * CHUNK }));
    await time('range_flush', () => long.flush());
  }
  const into = new Uint8Array(CHUNK);
  for (let i = 0; i < count; i++) await time('range_read', () => long.read(into, { at: i * CHUNK }));
  long.close();
  for (let i = 0; i < count; i++) {
    await time('cache_read', async () => (await cache.match(key(i))).arrayBuffer());
    await time('file_read', async () => {
      const file = await folder.getFileHandle(String(i));
      const access = await file.createSyncAccessHandle({ mode: 'read-only' });
      access.read(into, { at: 0 });
      access.close();
    });
    await time('file_read_as_blob', async () => {
      const file = await folder.getFileHandle(String(i));
      await (await file.getFile()).slice(0, CHUNK).arrayBuffer();
    });
    await time('sha256', () => crypto.subtle.digest('SHA-256', bytes));
  }
  await caches.delete('bench');
  await root.removeEntry('long');
  await root.removeEntry('bench', { recursive: true });
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
const browser = await openProfile(url);
const milliseconds = await browser.page.evaluate((count) => {
  const worker = new Worker('/worker.js');
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(count);
  });
}, Number(values.chunks));
console.log(JSON.stringify({ version: browser.version, chunk_mib: 8, milliseconds }));
await browser.close();
server.close();
