import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

export interface Limits {
  /** How long an input may run. Default: far more than one takes on a busy machine. */
  hangMs?: number;
  /** How much memory objects may take, in MB. Default: five times what targets need. */
  heapMb?: number;
}

/**
 * Explores in a process of its own, which may hang, run out of memory or crash: then the input that
 * it ran is the finding, and the next job gets a new process.
 */
export class Explorer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'flux-srpo-fuzz-'));
  readonly #noted = join(this.#folder, 'input');
  readonly #hangMs: number;
  readonly #heapMb: number;
  #child: ChildProcess | undefined;

  constructor({ hangMs = 60_000, heapMb = 1024 }: Limits = {}) {
    this.#hangMs = hangMs;
    this.#heapMb = heapMb;
    writeFileSync(this.#noted, '');
  }

  async explore(job: Job): Promise<Exploration> {
    this.#child ??= fork(fileURLToPath(new URL('child.ts', import.meta.url)), [this.#noted], {
      execArgv: ['--import', 'tsx', `--max-old-space-size=${this.#heapMb}`],
      serialization: 'advanced',
      silent: true,
    });
    const child = this.#child;
    let said = '';
    child.stderr!.on('data', (piece) => {
      said = (said + piece).slice(-4000);
    });
    return new Promise((resolve) => {
      let seen = -1;
      let isHung = false;
      const watch = setInterval(() => {
        const { count } = lastInput(this.#noted);
        isHung = count > 0 && count === seen;
        seen = count;
        if (isHung) child.kill('SIGKILL');
      }, this.#hangMs);
      const end = (exploration: Exploration) => {
        clearInterval(watch);
        child.removeAllListeners();
        child.stderr!.removeAllListeners();
        resolve(exploration);
      };
      child.once('message', (found) => end(found as Exploration));
      child.once('exit', (code, signal) => {
        this.#child = undefined;
        const { count, bytes } = lastInput(this.#noted);
        const error = isHung
          ? `no end within ${this.#hangMs} ms`
          : `the process ended with ${signal ?? `code ${code}`}: ${said}`;
        end({ inputs: count, kept: 0, blocks: 0, slowest: 0, finding: { error, bytes } });
      });
      child.send(job);
    });
  }

  close(): void {
    this.#child?.kill();
    rmSync(this.#folder, { recursive: true });
  }
}
