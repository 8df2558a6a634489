import { integers, mutate } from '../../packages/formats/src/test-support/mutate.ts';
import { startCoverage } from './coverage.ts';
import { mutateJson } from './mutate-json.ts';
import type { FuzzTarget } from './targets/target.ts';

/*
 * Coverage-guided fuzzing of the readers of foreign bytes. An input that runs a block of our code
 * as no input did before is kept and mutated further.
 *
 * Coverage is V8's own (`node:inspector`): the prebuilt addon of @jazzer.js/core 4.0.0 needs glibc
 * 2.38, and 2.1.0 has none.
 */

const MAX_INPUT_BYTES = 16 * 1024;
const MAX_MILLISECONDS = 1000;
/**
 * Taking coverage costs a millisecond or two. So it is taken for several inputs at once, and then
 * singly where they showed something new.
 */
const BATCH = 24;

/** Mutates an input of the corpus, and sometimes puts a piece of another into it. */
function next(corpus: readonly Uint8Array[], { repair, isJson }: FuzzTarget, below: (n: number) => number): Uint8Array {
  // The newest inputs were the last to show something new.
  const pick = () =>
    corpus[below(2) === 0 ? below(corpus.length) : corpus.length - 1 - below(Math.min(8, corpus.length))]!;
  const json = isJson === true && below(4) > 0 ? mutateJson(pick(), below) : undefined;
  if (json !== undefined && json.length <= MAX_INPUT_BYTES) return json;
  let bytes: Uint8Array = mutate(pick(), MAX_INPUT_BYTES, below);
  if (below(4) === 0 && bytes.length > 0) {
    const other = pick();
    const from = below(other.length + 1);
    const piece = other.subarray(from, from + 1 + below(64));
    const at = below(bytes.length);
    bytes = new Uint8Array([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at + below(piece.length + 1))]);
  }
  bytes = bytes.slice(0, MAX_INPUT_BYTES);
  return repair !== undefined && below(4) > 0 ? repair(bytes) : bytes;
}

/** What an exploration came to. */
export interface Exploration {
  /** Inputs that were run. */
  inputs: number;
  /** Of those, the ones that showed something new. */
  kept: number;
  /** Blocks of our code, with the order of magnitude of how often they ran. */
  blocks: number;
  /** Milliseconds of the slowest input. */
  slowest: number;
  /** An error that is not ours, or an input that took more than a second. It ends the search. */
  finding?: { error: string; bytes: Uint8Array };
}

/** @param isEnough asked before each batch of inputs */
export async function explore(
  target: FuzzTarget,
  seed: number,
  isEnough: (inputs: number) => boolean,
): Promise<Exploration> {
  const below = integers(seed);
  const coverage = startCoverage();
  const seen = new Set<string>();
  const learn = () => {
    const before = seen.size;
    for (const key of coverage.take()) seen.add(key);
    return seen.size > before;
  };
  const corpus: Uint8Array[] = target.seeds.map((bytes) => bytes.slice(0, MAX_INPUT_BYTES));
  const found: Exploration = { inputs: 0, kept: 0, blocks: 0, slowest: 0 };
  const run = async (bytes: Uint8Array) => {
    found.inputs++;
    const started = performance.now();
    try {
      await target.run(bytes);
    } catch (error) {
      found.finding ??= { error: String((error as Error).stack), bytes };
    }
    const milliseconds = performance.now() - started;
    found.slowest = Math.max(found.slowest, milliseconds);
    if (milliseconds > MAX_MILLISECONDS) found.finding ??= { error: `took ${Math.round(milliseconds)} ms`, bytes };
  };
  for (const bytes of target.seeds) await run(bytes);
  // The first inputs compile the code, which takes time that is not theirs.
  found.slowest = 0;
  if (found.finding?.error.startsWith('took')) delete found.finding;
  learn();
  while (!isEnough(found.inputs) && found.finding === undefined) {
    const batch = Array.from({ length: BATCH }, () => next(corpus, target, below));
    for (const bytes of batch) await run(bytes);
    const keys = coverage.take();
    if (keys.every((key) => seen.has(key))) continue;
    for (const bytes of batch) {
      await run(bytes);
      if (learn()) corpus.push(bytes);
    }
    for (const key of keys) seen.add(key);
  }
  coverage.stop();
  return { ...found, kept: corpus.length - target.seeds.length, blocks: seen.size };
}
