import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Exploration } from './explore.ts';
import { lastInput } from './last-input.ts';

/** What to explore, until it has run so many inputs or seconds. */
export interface Job {
  target: string;
  seed: number;
  inputs?: number;
  seconds?: number;
}

/** Far more than an input takes on a busy machine. */
const HANG_MS = 60_000;
/** Megabytes. Targets need some 200. */
const HEAP_MB = 1024;

/**
 * Explores in a process of its own, which may hang, run out of memory or crash: then the input that
 * it ran is the finding, and the next job gets a new process.
 */
export class Explorer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'flux-srpo-fuzz-'));
  readonly #noted = join(this.#folder, 'input');
  #child: ChildProcess | undefined;

  async explore(job: Job): Promise<Exploration> {
    this.#child ??= fork(fileURLToPath(new URL('child.ts', import.meta.url)), [this.#noted], {
      execArgv: ['--import', 'tsx', `--max-old-space-size=${HEAP_MB}`],
      serialization: 'advanced',
    });
    const child = this.#child;
    return new Promise((resolve) => {
      let seen = -1;
      let isHung = false;
      const watch = setInterval(() => {
        const { count } = lastInput(this.#noted);
        isHung = count === seen;
        seen = count;
        if (isHung) child.kill('SIGKILL');
      }, HANG_MS);
      const end = (exploration: Exploration) => {
        clearInterval(watch);
        child.removeAllListeners();
        resolve(exploration);
      };
      child.once('message', (found) => end(found as Exploration));
      child.once('exit', (code, signal) => {
        this.#child = undefined;
        const { count, bytes } = lastInput(this.#noted);
        const error = isHung ? `no end within ${HANG_MS} ms` : `the process ended with ${signal ?? `code ${code}`}`;
        end({ inputs: count, kept: 0, blocks: 0, slowest: HANG_MS, finding: { error, bytes } });
      });
      child.send(job);
    });
  }

  close(): void {
    this.#child?.kill();
    rmSync(this.#folder, { recursive: true });
  }
}
