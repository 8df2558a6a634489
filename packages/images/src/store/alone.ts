/** How often whoever works says that it still does. */
const BEAT_MS = 2_000;
/** After so much silence it is frozen, and the work is done here too. */
const SILENT_MS = 10_000;

/** @param tell those who wait hear it */
export type Alone<T, News> = (tell: (news: News) => void, isTakeOver: boolean) => Promise<T>;

/**
 * Runs `work` while no other tab or worker of this origin runs work of the same name. The browser
 * takes the turn back from one that was closed or has crashed. One that is frozen keeps its turn,
 * but says nothing: then one of those who wait goes on, so two may run at once.
 *
 * @param work it is told whether somebody frozen may be at it too
 * @param onNews hears it. Where it throws, the wait ends with that
 */
export async function alone<T, News = never>(
  name: string,
  work: Alone<T, News>,
  onNews?: (news: News) => void,
  isTakeOver = false,
): Promise<T> {
  const channel = new BroadcastChannel(name);
  const waiting = new AbortController();
  let [isMine, isSilent] = [false, false];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listen = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isSilent = true;
      waiting.abort();
    }, SILENT_MS);
  };
  channel.onmessage = ({ data }: MessageEvent<{ news?: News }>) => {
    if (isMine) return;
    listen();
    try {
      if ('news' in data) onNews?.(data.news!);
    } catch (error) {
      waiting.abort(error);
    }
  };
  let beats: ReturnType<typeof setInterval> | undefined;
  listen();
  try {
    return await navigator.locks.request(name, { signal: waiting.signal }, () => {
      isMine = true;
      clearTimeout(timer);
      beats = setInterval(() => channel.postMessage({}), BEAT_MS);
      return work((news) => channel.postMessage({ news }), isTakeOver);
    });
  } catch (error) {
    if (isMine || !isSilent) throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(beats);
    channel.close();
  }
  // Of those who waited in vain, one at a time.
  return await alone(`${name} again`, work, onNews, true);
}
