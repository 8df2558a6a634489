/** How often whoever works says that it still does. */
const BEAT_MS = 2_000;
/** After so much silence it is frozen, and the work is done here too. */
const SILENT_MS = 10_000;

/**
 * Runs `work` while no other tab or worker of this origin runs work of the same name. The browser
 * takes the turn back from one that was closed or has crashed. One that is frozen keeps its turn,
 * but says nothing: then `work` runs all the same, so two may run at once.
 */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  const channel = new BroadcastChannel(name);
  const waiting = new AbortController();
  let isMine = false;
  let timer = setTimeout(() => waiting.abort(), SILENT_MS);
  channel.onmessage = () => {
    if (isMine) return;
    clearTimeout(timer);
    timer = setTimeout(() => waiting.abort(), SILENT_MS);
  };
  let beats: ReturnType<typeof setInterval> | undefined;
  try {
    return await navigator.locks.request(name, { signal: waiting.signal }, () => {
      isMine = true;
      clearTimeout(timer);
      beats = setInterval(() => channel.postMessage('working'), BEAT_MS);
      return work();
    });
  } catch (error) {
    if (isMine || !waiting.signal.aborted) throw error;
    return await work();
  } finally {
    clearTimeout(timer);
    clearInterval(beats);
    channel.close();
  }
}
