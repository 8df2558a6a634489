import type { State } from './state.ts';
import { words } from './words.ts';

/** Percent and ring that the tab shows now. */
let shown = -1;

/** Title and icon say how far a run is, for whoever looks at another tab. */
export function showInTab({ stage }: State): void {
  const percent = stage.at === 'running' ? Math.floor(stage.jobs[0].progress.fraction * 100) : -1;
  if (percent === shown) return;
  shown = percent;
  document.title = percent < 0 ? words.title : `${percent} % · ${words.title}`;
  const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  if (icon !== null) icon.href = iconOf(percent);
}

/** A dot; around it, while something is drawn, how much of it is done. */
function iconOf(percent: number): string {
  const ring =
    percent < 0
      ? ''
      : `<circle cx='16' cy='16' r='13' fill='none' stroke='%23b0413e' stroke-width='5' pathLength='100' stroke-dasharray='${percent} 100' transform='rotate(-90 16 16)'/>`;
  const radius = percent < 0 ? 12 : 7;
  return `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><circle cx='16' cy='16' r='${radius}' fill='%23b0413e'/>${ring}</svg>`;
}

/** Tells that a picture is done, where nobody looks and the browser may. */
export function tell(): void {
  if (document.hidden && 'Notification' in globalThis && Notification.permission === 'granted') {
    new Notification(words.run.told);
  }
}
