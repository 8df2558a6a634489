/** Files, in Node only. */
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ByteSink } from './byte-sink.ts';
import { type ByteSource, checkRange, truncated } from './byte-source.ts';

/** A source over a file; the caller closes it. */
export async function fileSource(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  const source: ByteSource = {
    size,
    name: basename(path),
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      const bytes = new Uint8Array(length);
      let done = 0;
      // One call may give less than asked for: Linux stops at 2 GiB.
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw truncated(source.name, length, done);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
  return source;
}

/** A sink that makes a new file, or refuses where one exists. `close` waits until the bytes are on the disk. */
export async function fileSink(path: string): Promise<ByteSink> {
  const handle = await open(path, 'wx');
  return {
    async write(bytes) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done);
        done += bytesWritten;
      }
    },
    async close() {
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
  };
}
