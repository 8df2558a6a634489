import { readdirSync, readFileSync } from 'node:fs';

/** Peaks of resident memory, in bytes, of a browser's processes by their role. Linux only: from `/proc`. */
export function peakResident(root: number): Record<string, number> {
  const peaks: Record<string, number> = {};
  for (const pid of [root, ...descendants(root)]) {
    const status = read(`/proc/${pid}/status`);
    const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    const role = /--type=([a-z-]+)/.exec(read(`/proc/${pid}/cmdline`))?.[1] ?? 'browser';
    peaks[role] = Math.max(peaks[role] ?? 0, peak);
  }
  return peaks;
}

function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const parent = /^PPid:\s+(\d+)$/m.exec(/^\d+$/.test(entry) ? read(`/proc/${entry}/status`) : '')?.[1];
    if (parent !== undefined) parents.set(Number(entry), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** Empty where the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
