import { DeviceError } from '@flux-srpo/core';

/**
 * What is told of a worker that ended without an answer. Browsers say nothing of a script that they
 * could not fetch, so its server is asked again.
 *
 * @param what `worker` or `import worker`
 * @param url of its module; absent where a bundler placed it: then the browser's record of requests
 *   that failed is searched
 * @param since milliseconds of `performance.now()` at which it was started
 */
export async function workerFailure(
  event: Event,
  { what, url, since }: { what: string; url?: string | undefined; since: number },
): Promise<DeviceError> {
  // Node's events of a thread are no ErrorEvents.
  const message = (event as Partial<ErrorEvent>).message || undefined;
  const wrong = message === undefined ? await whatIsWrong(url ?? failedSince(since)) : undefined;
  const reason = wrong?.text ?? message;
  const details = { event: event.type, ...wrong?.details };
  return new DeviceError(
    `the ${what} could not start, or crashed${reason === undefined ? '' : `: ${reason}`}; the next call starts a new one`,
    { code: 'device/worker-failed', details },
  );
}

/** @returns undefined where the file is there */
async function whatIsWrong(
  url: string | undefined,
): Promise<{ text: string; details: Record<string, unknown> } | undefined> {
  if (url === undefined) return undefined;
  const details = { url, option: 'workerUrl' };
  const next = 'put the module there, or name its address as workerUrl';
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    const { status } = response;
    const type = response.headers.get('content-type') ?? 'no type';
    if (!response.ok)
      return { text: `${url} must be its module, got status ${status}; ${next}`, details: { ...details, status } };
    if (/javascript/.test(type)) return undefined;
    return { text: `${url} must be JavaScript, got ${type}; ${next}`, details: { ...details, status, type } };
  } catch {
    return { text: `${url} could not be fetched; ${next}`, details };
  }
}

/** The last request that failed. */
function failedSince(since: number): string | undefined {
  const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  const failed = entries.filter(({ startTime, responseStatus }) => startTime >= since && responseStatus >= 400);
  return failed.at(-1)?.name;
}
