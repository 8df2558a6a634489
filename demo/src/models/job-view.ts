import { type ConvertNotice, type ConvertProgress, formatBytes } from 'flux-srpo';
import { element, showLines } from '../elements.ts';
import { formatSeconds } from '../units.ts';

/** Shortest time between two announcements to screen readers. */
const ANNOUNCE_MS = 15_000;

/** Bar, words and notes of one panel's job. */
export interface JobView {
  /** Shows that something is happening, without saying how much. */
  start(text: string): void;
  progress(progress: ConvertProgress): void;
  /** Adds to the notes what people should know of the result. */
  note(notice: ConvertNotice): void;
  clearNotes(): void;
  /** Hides the bar and says how it ended. */
  stop(text: string): void;
}

/** @param prefix of the ids of its elements */
export function jobView(prefix: string): JobView {
  const bar = element(`${prefix}-bar`, HTMLProgressElement);
  const stage = element(`${prefix}-stage`, HTMLParagraphElement);
  const announcer = element(`${prefix}-announcer`, HTMLParagraphElement);
  const notices = element(`${prefix}-notices`, HTMLDivElement);
  const notes = new Set<string>();
  let announced = 0;
  const say = (text: string): void => {
    stage.textContent = text;
    announcer.textContent = text;
  };
  const showNotes = () => showLines(notices, [...notes]);
  return {
    start(text) {
      bar.hidden = false;
      // A bar without a value only shows that something is happening.
      bar.removeAttribute('value');
      announced = performance.now();
      say(text);
    },
    progress({ parts, bytes, rate, secondsLeft }) {
      bar.value = bytes.done / bytes.total;
      const speed = rate === 0 ? '' : `, ${formatBytes(rate)} a second`;
      const left =
        secondsLeft === undefined || parts.done === parts.total ? '' : `, about ${formatSeconds(secondsLeft)} left`;
      const found = parts.found === 0 ? '' : `, ${parts.found} of them from before`;
      stage.textContent = `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}${speed}${left}. Part ${parts.done} of ${parts.total}${found}.`;
      const now = performance.now();
      if (now - announced < ANNOUNCE_MS) return;
      announced = now;
      announcer.textContent = `${Math.floor(bar.value * 100)} % done${left}`;
    },
    note(notice) {
      notes.add(textOf(notice));
      notes.delete('');
      showNotes();
    },
    clearNotes() {
      notes.clear();
      showNotes();
    },
    stop(text) {
      bar.hidden = true;
      say(text);
    },
  };
}

/** Empty for what the bar says. */
function textOf(notice: ConvertNotice): string {
  if (notice.type === 'assumed') return `The files do not say this, so it is assumed: ${notice.what}`;
  if (notice.type === 'left-out') return `Left out: ${notice.what}`;
  if (notice.type === 'other-source') return `${notice.reason}. Taken in its place: ${notice.taken}`;
  return '';
}
