/**
 * Keeps the screen on, where the browser can and the page is in view: a machine that sleeps
 * computes nothing. A browser takes the lock back when the page is hidden, so it is asked for again
 * when it is shown.
 *
 * @returns lets the machine sleep
 */
export function keepAwake(): () => void {
  if (globalThis.document === undefined || navigator.wakeLock === undefined) return () => undefined;
  const ended = new AbortController();
  let lock: WakeLockSentinel | undefined;
  const ask = async (): Promise<void> => {
    if (document.visibilityState !== 'visible') return;
    // Browsers refuse on a low battery. The machine may sleep then, and goes on when it wakes.
    lock = await navigator.wakeLock.request('screen').catch(() => undefined);
    if (ended.signal.aborted) await lock?.release();
  };
  document.addEventListener('visibilitychange', ask, { signal: ended.signal });
  void ask();
  return () => {
    ended.abort();
    void lock?.release();
  };
}
