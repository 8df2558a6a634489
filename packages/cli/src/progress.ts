import { Presets, SingleBar } from 'cli-progress';

export interface ProgressBar {
  /** @param fraction 0 … 1 */
  update(fraction: number, label: string): void;
  stop(): void;
}

/** A bar on a terminal; nothing where nobody watches (pipes, `--json`). */
export function progressBar(title: string, silent: boolean): ProgressBar {
  if (silent || !process.stderr.isTTY) return { update() {}, stop() {} };
  const options = { format: `${title} {bar} {percentage}% {label}`, stream: process.stderr, hideCursor: true };
  const bar = new SingleBar(options, Presets.shades_classic);
  bar.start(1, 0, { label: '' });
  return {
    update: (fraction, label) => bar.update(Math.min(1, fraction), { label }),
    stop: () => bar.stop(),
  };
}
