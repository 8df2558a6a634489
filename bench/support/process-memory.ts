import { readdirSync, readFileSync } from 'node:fs';

/** Peak resident memory of a browser's processes by role, in bytes. Linux only: reads `/proc`. */
export function peakResident(root: number): Record<string, number> {
  const peaks: Record<string, number> = {};
  for (const pid of [root, ...descendants(root)]) {
    const status = read(`/proc/${pid}/status`);
    const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    const role = roleOf(pid);
    peaks[role] = Math.max(peaks[role] ?? 0, peak);
  }
  return peaks;
}

/**
 * CPU seconds so far of the browser's threads, by role of process and name of thread, e.g.
 * `renderer/DedicatedWorker`.
 */
export function cpuSeconds(root: number): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const pid of descendants(root)) {
    const role = roleOf(pid);
    for (const thread of list(`/proc/${pid}/task`)) {
      const { name, cpu } = statOf(`/proc/${pid}/task/${thread}`);
      const key = `${role}/${name}`;
      seconds.set(key, (seconds.get(key) ?? 0) + cpu);
    }
  }
  return seconds;
}

/** CPU seconds so far of a process and all below it that still run, ended threads included. */
export function cpuOfTree(root: number): number {
  return [root, ...descendants(root)].reduce((sum, pid) => sum + statOf(`/proc/${pid}`).cpu, 0);
}

/** Name and CPU seconds of a process or thread. */
function statOf(folder: string): { name: string; cpu: number } {
  // pid (name) state ppid … utime stime: fields 14 and 15, in ticks of 10 ms.
  const [, name = '', fields = ''] = /\((.*)\) (.*)/.exec(read(`${folder}/stat`)) ?? [];
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
  return { name, cpu: (user + system) / 100 };
}

function roleOf(pid: number): string {
  return /--type=([a-z-]+)/.exec(read(`/proc/${pid}/cmdline`))?.[1] ?? 'browser';
}

function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of list('/proc')) {
    const parent = /^PPid:\s+(\d+)$/m.exec(/^\d+$/.test(entry) ? read(`/proc/${entry}/status`) : '')?.[1];
    if (parent !== undefined) parents.set(Number(entry), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** Empty, as in `read` below, where the process has ended meanwhile. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
