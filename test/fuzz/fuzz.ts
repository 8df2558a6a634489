// Coverage-guided fuzzing of the readers of foreign bytes. An input that runs a block of our code
// as no input did before is kept and mutated further.
//
//   npx tsx test/fuzz/fuzz.ts [--seconds 60] [--seed 1] [--findings <folder>]
//                             [safetensors gguf lora sentencepiece charsmap manifest onnx]
//
// One JSON line per target: inputs run, inputs kept, blocks seen, the slowest input. A finding (an
// error that is not ours, more than a second, or more than 64 MiB read) is printed, written to the
// folder, and ends its target.
//
// Coverage is V8's own (`node:inspector`): the prebuilt addon of @jazzer.js/core 4.0.0 needs glibc
// 2.38, and 2.1.0 has none.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { integers, mutate } from '../../packages/formats/src/test-support/mutate.ts';
import { startCoverage } from './coverage.ts';
import { type FuzzTarget, TARGETS } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    findings: { type: 'string' },
  },
});

const MAX_INPUT_BYTES = 16 * 1024;
const MAX_MILLISECONDS = 1000;
/**
 * Taking coverage costs a millisecond or two. So it is taken for several inputs at once, and then
 * singly where they showed something new.
 */
const BATCH = 24;

/** Mutates an input of the corpus, and sometimes puts a piece of another into it. */
function next(corpus: readonly Uint8Array[], { repair }: FuzzTarget, below: (n: number) => number): Uint8Array {
  // The newest inputs were the last to show something new.
  const pick = () =>
    corpus[below(2) === 0 ? below(corpus.length) : corpus.length - 1 - below(Math.min(8, corpus.length))]!;
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

async function fuzz(name: string, target: FuzzTarget, seconds: number, seed: number): Promise<boolean> {
  const below = integers(seed);
  const coverage = startCoverage();
  const seen = new Set<string>();
  const learn = () => {
    const before = seen.size;
    for (const key of coverage.take()) seen.add(key);
    return seen.size > before;
  };
  const corpus: Uint8Array[] = target.seeds.map((bytes) => bytes.slice(0, MAX_INPUT_BYTES));
  let [inputs, slowest] = [0, 0];
  let finding: { error: string; bytes: Uint8Array } | undefined;
  const run = async (bytes: Uint8Array) => {
    inputs++;
    const started = performance.now();
    try {
      await target.run(bytes);
    } catch (error) {
      finding ??= { error: String((error as Error).stack), bytes };
    }
    const milliseconds = performance.now() - started;
    slowest = Math.max(slowest, milliseconds);
    if (milliseconds > MAX_MILLISECONDS) finding ??= { error: `took ${Math.round(milliseconds)} ms`, bytes };
  };
  for (const bytes of target.seeds) await run(bytes);
  learn();
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end && finding === undefined) {
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
  const kept = corpus.length - target.seeds.length;
  console.log(
    JSON.stringify({
      target: name,
      seconds,
      seed,
      inputs,
      kept,
      blocks: seen.size,
      slowest_ms: Math.round(slowest),
      finding: finding?.error ?? null,
    }),
  );
  if (values.findings !== undefined && finding !== undefined) {
    mkdirSync(values.findings, { recursive: true });
    writeFileSync(join(values.findings, `${name}-${seed}`), finding.bytes);
  }
  return finding === undefined;
}

const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);
for (const name of names) {
  const target = TARGETS[name];
  if (target === undefined) throw new Error(`targets are ${Object.keys(TARGETS).join(', ')}, got ${name}`);
  if (!(await fuzz(name, target, Number(values.seconds), Number(values.seed)))) process.exitCode = 1;
}
