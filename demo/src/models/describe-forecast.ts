import { formatBytes, type ImportForecast } from 'flux-srpo';
import { formatSeconds } from '../units.ts';

const COUNT = new Intl.NumberFormat('en', {
  notation: 'compact',
  compactDisplay: 'long',
  maximumSignificantDigits: 3,
});

/** What an import will take, line by line: reading, room, memory. */
export function describeForecast(
  forecast: ImportForecast,
  { usage, quota }: { usage: number; quota: number },
): string[] {
  const { name, url, bytes, parts, sourceBytes, weights, found, fits, rate, seconds } = forecast;
  const time =
    rate === undefined || seconds === undefined
      ? ''
      : `, in about ${formatSeconds(seconds)} at the ${formatBytes(rate)} a second that were just measured`;
  const free = formatBytes(Math.max(0, quota - usage));
  const room = fits
    ? `It fits: the browser offers this page ${free} more.`
    : `It does not fit: the browser offers this page ${free} more. Delete a stored model or choose fewer bits.`;
  const lines = [
    `${name}: ${COUNT.format(weights)} parameters, ${formatBytes(sourceBytes)} to read${time}.`,
    `Will write about ${formatBytes(bytes)} in ${parts} parts as ${url}. ${room}`,
  ];
  if (found > 0) {
    lines.push(
      `An interrupted import left ${formatBytes(found)} of it: with the same files and settings this one continues from there, otherwise it starts over.`,
    );
  }
  const machine = describeMachine(forecast);
  return machine === '' ? lines : [...lines, machine];
}

function describeMachine({ machine: { backend, needs } }: ImportForecast): string {
  if (backend === undefined) return '';
  const { size, memory, least } = needs;
  const slow =
    backend === 'wasm' ? 'The CPU of this machine computes it, which is slow. ' : 'This machine can run it. ';
  return `${slow}A picture of ${size.width} × ${size.height} takes ${formatBytes(memory)} of memory, or ${formatBytes(least)} and more time.`;
}
