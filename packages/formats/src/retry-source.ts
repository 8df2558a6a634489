import { isFluxError } from '@flux-srpo/core';
import type { ByteSource, Bytes } from './byte-source.ts';

export interface RetryOptions {
  /** Milliseconds before each further try; as many as there are. */
  delays?: readonly number[];
  wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** A dropped connection is back at once; a host that limits its callers asks for some seconds. */
const DELAYS = [500, 2_000, 8_000, 30_000];

/** A source whose reads are tried again when the network failed; what the server or the file says for good is not asked twice. */
export function retryingSource(source: ByteSource, { delays = DELAYS, wait = sleep }: RetryOptions = {}): ByteSource {
  return {
    ...source,
    async read(offset, length, signal): Promise<Bytes> {
      for (let tried = 0; ; tried++) {
        try {
          return await source.read(offset, length, signal);
        } catch (error) {
          const delay = delays[tried];
          if (delay === undefined || !mayPass(error)) throw error;
          await wait(delay, signal);
        }
      }
    },
  };
}

/** Failures that another try may not meet: of the connection, of a busy server. */
function mayPass(error: unknown): boolean {
  if (!isFluxError(error, 'network/')) return false;
  const status = error.details.status;
  return typeof status !== 'number' ? error.code !== 'network/status' : status === 429 || status >= 500;
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}
