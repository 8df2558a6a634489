import type { Store } from './store.ts';

/** Milliseconds between two announcements to screen readers. */
const ANNOUNCE_MS = 5000;

/**
 * Lets time go on each second, also while nothing arrives, and says now and then how far it is.
 *
 * @param tickRun shows the time of the run
 */
export function startClock(store: Store, tickRun: (now: number) => void): void {
  let announced = 0;
  setInterval(() => {
    const { stage } = store.state;
    if (stage.at === 'ready' || stage.at === 'failed') return;
    const now = performance.now();
    if (stage.at === 'opening') store.set({ stage: { ...stage, progress: { ...stage.progress, now } } });
    else tickRun(now);
    if (now - announced < ANNOUNCE_MS) return;
    announced = now;
    store.set({ announcement: (stage.at === 'opening' ? stage : stage.jobs[0]).progress.text });
  }, 1000);
}
