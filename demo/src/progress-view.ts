import type { Progress } from 'flux-srpo';
import { element } from './elements.ts';
import { formatSeconds } from './units.ts';

const bar = element('bar', HTMLProgressElement);
const stage = element('stage', HTMLParagraphElement);
const announcer = element('announcer', HTMLParagraphElement);
const TITLE = document.title;

/** Screen readers hear the stage this often at most. */
const ANNOUNCE_MS = 5000;

/** Shares of the bar: encoding and decoding are short beside the steps. */
const ENCODED = 0.1;
const DENOISED = 0.9;

let started = 0;
let announced = 0;

export function start(): void {
  started = performance.now();
  announced = 0;
  bar.hidden = false;
  show(0, 'Loading the model…');
}

export function update(progress: Progress): void {
  switch (progress.stage) {
    case 'load':
      // Weights are read in every phase, so they move the text and not the bar.
      show(bar.value, `Loading ${progress.part}`);
      break;
    case 'encode':
      show((ENCODED * progress.done) / progress.total, `Encoding the prompt, ${progress.done} of ${progress.total}`);
      break;
    case 'denoise': {
      const done = (progress.step + progress.block / progress.blocks) / progress.steps;
      const step = `Denoising, step ${progress.step + 1} of ${progress.steps}`;
      show(ENCODED + (DENOISED - ENCODED) * done, step + timeLeft(done));
      break;
    }
    case 'decode':
      show(DENOISED + ((1 - DENOISED) * progress.done) / progress.total, 'Decoding the picture');
  }
}

/** Ends the run with a last word. */
export function finish(message: string): void {
  bar.hidden = true;
  document.title = TITLE;
  stage.textContent = message;
  announcer.textContent = message;
}

export function elapsed(): string {
  return formatSeconds((performance.now() - started) / 1000);
}

function show(value: number, text: string): void {
  bar.value = value;
  stage.textContent = text;
  document.title = `${Math.floor(value * 100)} % · ${TITLE}`;
  const now = performance.now();
  if (now - announced < ANNOUNCE_MS) return;
  announced = now;
  announcer.textContent = text;
}

/** From the time taken so far, once there is enough of it to go by. */
function timeLeft(done: number): string {
  const spent = (performance.now() - started) / 1000;
  return spent < 2 || done < 0.1 ? '' : `, about ${formatSeconds((spent / done) * (1 - done))} left`;
}
