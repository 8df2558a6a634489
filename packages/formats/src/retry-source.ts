import { isFluxError } from '@flux-srpo/core';
import type { ByteSource, Bytes } from './byte-source.ts';

export interface RetryOptions {
  /** Milliseconds before each further try; as many as there are. */
  delays?: readonly number[];
  wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** A dropped connection is back at once; a host that limits its callers asks for some seconds. */
const DELAYS = [500, 2_000, 8_000, 30_000];
/** Of a server that has not been heard of yet: an address may be wrong, and whoever gave it wants to know soon. */
const FIRST_DELAYS = [500, 2_000];

/** A source whose reads are tried again when the network failed; what the server or the file says for good is not asked twice. */
export function retryingSource(source: ByteSource, { delays = DELAYS, wait = sleep }: RetryOptions = {}): ByteSource {
  return {
    ...source,
    read: (offset, length, signal, into): Promise<Bytes> =>
      retry(
        () => source.read(offset, length, signal, into),
        (tried) => delays[tried],
        (delay) => wait(delay, signal),
      ),
  };
}

/** {@link retryingSource} of a source that it takes a network to open. */
export async function openRetrying(open: () => Promise<ByteSource>, options: RetryOptions = {}): Promise<ByteSource> {
  const { delays = DELAYS, wait = sleep } = options;
  const source = await retry(
    open,
    (tried, error) => (statusOf(error) === undefined ? FIRST_DELAYS : delays)[tried],
    (delay) => wait(delay, undefined),
  );
  return retryingSource(source, options);
}

async function retry<Result>(
  act: () => Promise<Result>,
  delayAfter: (tried: number, error: unknown) => number | undefined,
  wait: (delay: number) => Promise<void>,
): Promise<Result> {
  for (let tried = 0; ; tried++) {
    try {
      return await act();
    } catch (error) {
      const delay = mayPass(error) ? delayAfter(tried, error) : undefined;
      if (delay === undefined) throw error;
      await wait(delay);
    }
  }
}

/** Failures that another try may not meet: of the connection, of a busy server. */
function mayPass(error: unknown): boolean {
  if (!isFluxError(error, 'network/')) return false;
  const status = statusOf(error);
  return status === undefined ? error.code !== 'network/status' : status === 429 || status >= 500;
}

function statusOf(error: unknown): number | undefined {
  const status = isFluxError(error) ? error.details.status : undefined;
  return typeof status === 'number' ? status : undefined;
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
