import { writeFileSync } from 'node:fs';
import fs, { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { devNull } from 'node:os';

/**
 * For `node --import`, by written-bytes.ts: counts the bytes that the process writes to a bundle
 * and its journal. At a certain byte, in the middle of a write, the process gets a signal.
 */

const { END_AFTER_BYTES, END_SIGNAL = 'SIGKILL', WRITTEN_BYTES_TO } = process.env;
const limit = Number(END_AFTER_BYTES ?? Number.POSITIVE_INFINITY);
let written = 0;

/** How much of the next write comes before the signal. Undefined: all of it. */
function cutOf(/** @type {number} */ length) {
  return written < limit && written + length >= limit ? limit - written : undefined;
}

const handle = await open(devNull, 'w');
const fileHandle = Object.getPrototypeOf(handle);
await handle.close();

/**
 * @typedef {(
 *   this: unknown,
 *   bytes: Uint8Array,
 *   from: number,
 *   length: number,
 * ) => Promise<{ bytesWritten: number }>} Write
 */
const write = /** @type {Write} */ (fileHandle.write);
Object.assign(fileHandle, {
  /**
   * Callers go on after a write that was short.
   *
   * @this {unknown}
   * @param {Uint8Array} bytes
   * @param {number} from
   * @param {number} length
   */
  async write(bytes, from, length) {
    const cut = cutOf(length);
    const result = await write.call(this, bytes, from, cut ?? length);
    written += result.bytesWritten;
    if (cut !== undefined) process.kill(process.pid, END_SIGNAL);
    return result;
  },
});

const { appendFile } = fs;
Object.assign(fs, {
  /**
   * @param {string} path
   * @param {string} text
   */
  async appendFile(path, text) {
    const cut = cutOf(text.length);
    await appendFile(path, text.slice(0, cut));
    written += text.length;
    if (cut === undefined) return;
    process.kill(process.pid, END_SIGNAL);
    await appendFile(path, text.slice(cut));
  },
});
syncBuiltinESMExports();

if (WRITTEN_BYTES_TO !== undefined) process.once('exit', () => writeFileSync(WRITTEN_BYTES_TO, String(written)));
