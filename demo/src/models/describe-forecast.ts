import type { ImportForecast } from 'flux-srpo';
import { words } from '../words.ts';

const COUNT = new Intl.NumberFormat('en', {
  notation: 'compact',
  compactDisplay: 'long',
  maximumSignificantDigits: 3,
});

/** What an import will take, line by line: reading, room, memory. @param free bytes offered */
export function describeForecast(forecast: ImportForecast, free: number): string[] {
  const { name, url, bytes, parts, sourceBytes, weights, found, fits, rate, seconds } = forecast;
  const { backend, needs } = forecast.machine;
  const say = words.forecast;
  const time = rate === undefined || seconds === undefined ? '' : say.time(seconds, rate);
  return [
    say.reads(name, COUNT.format(weights), sourceBytes, time),
    say.writes(bytes, parts, url, fits ? say.fits(free) : say.tooMuch(free)),
    ...(found > 0 ? [say.found(found)] : []),
    ...(backend === undefined ? [] : [say.runs[backend] + say.memory(needs.size, needs.memory, needs.least)]),
  ];
}
