// Explores targets in a process of its own: see explorer.ts.

import { openSync, writeSync } from 'node:fs';
import { explore } from './explore.ts';
import type { Job } from './explorer.ts';
import { INPUT_HEADER_BYTES } from './last-input.ts';
import { TARGETS } from './targets/index.ts';
import { PLANTED } from './targets/planted.ts';

const file = openSync(process.argv[2]!, 'w');
let inputs = 0;

/** Leaves the input behind, should it be the last. */
function note(bytes: Uint8Array): void {
  const noted = new Uint8Array(INPUT_HEADER_BYTES + bytes.length);
  new Uint32Array(noted.buffer, 0, 2).set([++inputs, bytes.length]);
  noted.set(bytes, INPUT_HEADER_BYTES);
  writeSync(file, noted, 0, noted.length, 0);
}

process.on('message', async ({ target, seed, inputs = Number.POSITIVE_INFINITY, seconds = 1e9 }: Job) => {
  const end = performance.now() + 1000 * seconds;
  const isEnough = (count: number) => count >= inputs || performance.now() >= end;
  process.send!(await explore((TARGETS[target] ?? PLANTED[target])!, seed, isEnough, note));
});
