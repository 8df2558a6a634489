import type { ConvertProgress, ImportForecast } from 'flux-srpo';
import { element } from '../elements.ts';
import { formatBytes, formatSeconds } from '../units.ts';

const bar = element('import-bar', HTMLProgressElement);
const stage = element('import-stage', HTMLParagraphElement);
const announcer = element('import-announcer', HTMLParagraphElement);

/** Shortest time between two announcements to screen readers. */
const ANNOUNCE_MS = 15_000;
let announced = 0;

const COUNT = new Intl.NumberFormat('en', {
  notation: 'compact',
  compactDisplay: 'long',
  maximumSignificantDigits: 3,
});

export function startBar(text: string): void {
  bar.hidden = false;
  // A bar without a value only shows that something is happening.
  bar.removeAttribute('value');
  announced = performance.now();
  say(text);
}

export function showProgress({ part, parts, bytes, rate, secondsLeft }: ConvertProgress): void {
  bar.value = bytes.done / bytes.total;
  const speed = rate === 0 ? '' : `, ${formatBytes(rate)} a second`;
  const left =
    secondsLeft === undefined || parts.done === parts.total ? '' : `, about ${formatSeconds(secondsLeft)} left`;
  const found = parts.found === 0 ? '' : `, ${parts.found} of them from the interrupted import`;
  stage.textContent = `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}${speed}${left}. Part ${parts.done} of ${parts.total}${found}: ${part}`;
  const now = performance.now();
  if (now - announced < ANNOUNCE_MS) return;
  announced = now;
  announcer.textContent = `${Math.floor(bar.value * 100)} % imported${left}`;
}

/** Hides the bar and says how it ended. */
export function stopBar(text: string): void {
  bar.hidden = true;
  say(text);
}

function say(text: string): void {
  stage.textContent = text;
  announcer.textContent = text;
}

/** What an import will write, and whether there is room. */
export function describeForecast(forecast: ImportForecast, { usage, quota }: { usage: number; quota: number }): string {
  const { name, url, bytes, parts, sourceBytes, weights, found, fits } = forecast;
  const what = `${name}: ${COUNT.format(weights)} parameters, ${formatBytes(sourceBytes)} to read. Will write about ${formatBytes(bytes)} in ${parts} parts as ${url}.`;
  const free = formatBytes(Math.max(0, quota - usage));
  const room = fits
    ? `It fits: the browser offers this page ${free} more.`
    : `It does not fit: the browser offers this page ${free} more. Delete a stored model or choose fewer bits.`;
  const rest =
    found === 0
      ? ''
      : ` An interrupted import left ${formatBytes(found)} of it: with the same files and settings this one continues from there, otherwise it starts over.`;
  return `${what} ${room}${rest}`;
}
