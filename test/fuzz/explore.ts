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
/** Of CPU time, so that what else the machine does does not count. */
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
  /** Milliseconds of CPU time of the slowest input. */
  slowest: number;
  /**
   * An error that is not ours, an input that took more than a second, or a seed that was not read,
   * or not refused, as it should be. It ends the search.
   */
  finding?: { error: string; bytes: Uint8Array };
}

/**
 * @param isEnough asked before each batch of inputs
 * @param note told each input before it runs
 */
export async function explore(
  target: FuzzTarget,
  seed: number,
  isEnough: (inputs: number) => boolean,
  note: (bytes: Uint8Array) => void,
): Promise<Exploration> {
  const below = integers(seed);
  const coverage = startCoverage();
  const seen = new Set<string>();
  const learn = () => {
    const before = seen.size;
    for (const key of coverage.take()) seen.add(key);
    return seen.size > before;
  };
  const corpus = [...target.seeds, ...(target.refused ?? [])];
  const seeds = corpus.length;
  const found: Exploration = { inputs: 0, kept: 0, blocks: 0, slowest: 0 };
  const run = async (bytes: Uint8Array): Promise<boolean | undefined> => {
    found.inputs++;
    note(bytes);
    const before = process.cpuUsage();
    try {
      return await target.run(bytes);
    } catch (error) {
      found.finding ??= { error: String((error as Error).stack), bytes };
      return undefined;
    } finally {
      const { user, system } = process.cpuUsage(before);
      lastMs = (user + system) / 1000;
    }
  };
  let lastMs = 0;
  /** Twice where it was slow: the first time may have compiled code, or collected garbage. */
  const runTimed = async (bytes: Uint8Array): Promise<void> => {
    await run(bytes);
    if (lastMs > MAX_MILLISECONDS) await run(bytes);
    if (lastMs > MAX_MILLISECONDS) found.finding ??= { error: `took ${Math.round(lastMs)} ms`, bytes };
    found.slowest = Math.max(found.slowest, lastMs);
  };
  for (const [i, bytes] of corpus.entries()) {
    if (bytes.length > MAX_INPUT_BYTES) throw new Error(`a seed must have at most ${MAX_INPUT_BYTES} bytes`);
    const isRead = i < target.seeds.length;
    if ((await run(bytes)) !== isRead) {
      found.finding ??= { error: `seed ${i} must be ${isRead ? 'read' : 'refused'}`, bytes };
    }
  }
  learn();
  while (!isEnough(found.inputs) && found.finding === undefined) {
    const batch = Array.from({ length: BATCH }, () => next(corpus, target, below));
    for (const bytes of batch) await runTimed(bytes);
    const keys = coverage.take();
    if (keys.every((key) => seen.has(key))) continue;
    for (const bytes of batch) {
      await run(bytes);
      if (learn()) corpus.push(bytes);
    }
    for (const key of keys) seen.add(key);
  }
  coverage.stop();
  return { ...found, kept: corpus.length - seeds, blocks: seen.size };
}
