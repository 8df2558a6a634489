/** Files, in Node only. */
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { StorageError } from '@flux-srpo/core';
import type { ByteSink } from './sources/byte-sink.ts';
import { type ByteSource, checkRange, truncated } from './sources/byte-source.ts';
import { changed, type FileState } from './sources/changed.ts';

/** A source over a file, which the caller closes. Reads are refused once the file has changed. */
export async function fileSource(path: string): Promise<ByteSource> {
  const name = basename(path);
  const handle = await guard(name, () => open(path, 'r'));
  const state = await stateOfFile(handle, name).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  const source: ByteSource = {
    ...state,
    name,
    async read(offset, length, signal, into) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      const bytes = new Uint8Array(into ?? new ArrayBuffer(length), 0, length);
      let done = 0;
      // One call may give fewer bytes: Linux stops at 2 GiB.
      while (done < length) {
        const { bytesRead } = await guard(name, () => handle.read(bytes, done, length - done, offset + done));
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      // Checked after the bytes were read; a later change is found at the next read.
      const now = await stateOfFile(handle, name);
      if (now.size !== state.size || now.version !== state.version) throw changed(name, state, now);
      if (done < length) throw truncated(name, length, done);
      return bytes;
    },
    close: () => handle.close(),
  };
  return source;
}

/** A sink over a new file; refuses an existing one. `close` waits for the disk. */
export async function fileSink(path: string): Promise<ByteSink> {
  const name = basename(path);
  const handle = await guard(name, () => open(path, 'wx'), 'storage/write-failed');
  return {
    async write(bytes) {
      let done = 0;
      while (done < bytes.length) {
        const write = () => handle.write(bytes, done, bytes.length - done);
        done += (await guard(name, write, 'storage/write-failed')).bytesWritten;
      }
    },
    async close() {
      try {
        await guard(name, () => handle.sync(), 'storage/write-failed');
      } finally {
        await handle.close();
      }
    },
  };
}

async function stateOfFile(handle: FileHandle, name: string): Promise<FileState & { version: string }> {
  const stat = await guard(name, () => handle.stat({ bigint: true }));
  // The inode's time of change too: programs can set the other one back, as copying tools do.
  if (stat.isFile()) return { size: Number(stat.size), version: `modified ${stat.mtimeNs}, changed ${stat.ctimeNs}` };
  throw new StorageError(`${name}: expected a file, got a folder or device; name a file in it`, {
    code: 'storage/unavailable',
    details: { name },
  });
}

/** What a system's code means, and what to do about it. */
const REASONS: Readonly<Record<string, readonly [what: string, next: string]>> = {
  ENOENT: ['no such file', 'check the path'],
  EACCES: ['permission denied', 'change its permissions, or choose another file'],
  ENOSPC: ['the disk is full', 'make room'],
  EDQUOT: ['the disk is full', 'make room'],
};

/** A system's failure as StorageError. Its message names whole paths: it stays in `cause`. */
async function guard<T>(
  name: string,
  act: () => Promise<T>,
  code: 'storage/unavailable' | 'storage/write-failed' = 'storage/unavailable',
): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    const isFull = reason === 'ENOSPC' || reason === 'EDQUOT';
    const verb = code === 'storage/unavailable' ? 'read' : 'written';
    const [what, next] = REASONS[reason] ?? ['an error of the system', 'check the disk'];
    throw new StorageError(`${name}: the file could not be ${verb} (${reason}, ${what}); ${next}`, {
      code: isFull ? 'storage/quota-exceeded' : code,
      details: { name, reason },
      cause,
    });
  }
}
