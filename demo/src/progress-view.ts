import type { Progress } from 'flux-srpo';
import { element } from './elements.ts';
import { formatSeconds } from './units.ts';

const bar = element('bar', HTMLProgressElement);
const stage = element('stage', HTMLParagraphElement);
const announcer = element('announcer', HTMLParagraphElement);
const TITLE = document.title;

/** Shortest time between two announcements to screen readers. */
const ANNOUNCE_MS = 5000;

let started = 0;
let announced = 0;

export function start(): void {
  started = performance.now();
  announced = 0;
  bar.hidden = false;
  update({ fraction: 0, text: 'Starting…' });
}

export function update({ fraction, text }: Pick<Progress, 'fraction' | 'text'>): void {
  bar.value = fraction;
  stage.textContent = text;
  document.title = `${Math.floor(fraction * 100)} % · ${TITLE}`;
  const now = performance.now();
  if (now - announced < ANNOUNCE_MS) return;
  announced = now;
  announcer.textContent = text;
}

/** Hides the bar and says how the run ended. */
export function finish(message: string): void {
  bar.hidden = true;
  document.title = TITLE;
  stage.textContent = message;
  announcer.textContent = message;
}

export function elapsed(): string {
  return formatSeconds((performance.now() - started) / 1000);
}
