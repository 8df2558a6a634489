// A picture by `flux-srpo generate` and by stable-diffusion.cpp, from the same random 4-bit files
// of FLUX.1's width, on the same two CPU threads, taking turns.
//
//   npx tsx bench/peer.ts --python <python with stable-diffusion-cpp-python> --tokenizers <folder>
//                         [--folder <where the files go>] [--blocks 19,38] [--size 256x256]
//                         [--steps 4] [--rounds 2]
//
// All 57 blocks take 10 GB on disk for the files, 12 GB for the bundle, and 14 GB of memory. One
// JSON line per run: seconds of the whole command, of loading with text, of each step and of the
// decoder; CPU seconds; peak memory; how busy the machine was. Then a line of ratios, ours to the
// peer's, with how far the pictures are apart. Needs Linux (reads /proc).

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { fluxSigmas, parseManifest, parseSize, tokenCount } from '@flux-srpo/core';
import { decode } from 'fast-png';
import { psnr } from '../test/support/psnr.ts';
import { type RandomFlux, writeRandomFlux } from './support/random-flux.ts';

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    tokenizers: { type: 'string' },
    folder: { type: 'string', default: join(tmpdir(), 'flux-srpo-peer') },
    blocks: { type: 'string', default: '19,38' },
    size: { type: 'string', default: '256x256' },
    steps: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '2' },
  },
});
const { python, tokenizers } = values;
if (python === undefined || tokenizers === undefined) throw new Error('expected --python and --tokenizers');

const CLI = fileURLToPath(new URL('../packages/cli/bin/flux-srpo.js', import.meta.url));
const PEER = fileURLToPath(new URL('peer.py', import.meta.url));
const PROMPT = 'a red house on a hill';
const SEED = 1;
/** The peer pads T5's tokens to this many, and has no option for it. */
const TEXT_TOKENS = '256';
const [doubleBlocks = 19, singleBlocks = 38] = values.blocks.split(',').map(Number);
const size = parseSize(values.size);

/** Seconds, and bytes of memory. */
interface Run {
  whole: number;
  /** Until the first step: the peer loads all first, we load what a phase needs. */
  beforeSteps: number;
  steps: number[];
  decode: number;
  cpuSeconds: number;
  peakRss: number;
}

const folder = join(values.folder, `${doubleBlocks}-${singleBlocks}`);
const { files, bundle } = await prepare();
const manifest = parseManifest(readFileSync(join(bundle, 'manifest.json'), 'utf8'));
const guidance = manifest.defaults.guidance_scale;
const sigmas = Array.from(fluxSigmas(Number(values.steps), tokenCount(size), manifest.config.scheduler));
const contenders: Record<string, (out: string) => Promise<Run>> = {
  ours: (out) => ours(out, '0'),
  'ours, level 4': (out) => ours(out, '4'),
  'ours, level 4-wide': (out) => ours(out, '4-wide'),
  peer,
};

const runs = Object.fromEntries(Object.keys(contenders).map((who): [string, Run[]] => [who, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [who, draw] of Object.entries(contenders)) {
    const run = await draw(pictureOf(who));
    runs[who]!.push(run);
    line({ who, round, blocks: [doubleBlocks, singleBlocks], size: values.size, ...run, load: loadavg()[0] });
  }
}
const best = (who: string, of: (run: Run) => number): number => Math.min(...runs[who]!.map(of));
for (const who of Object.keys(contenders).filter((each) => each !== 'peer')) {
  const ratio = (of: (run: Run) => number): number => Math.round((1000 * best(who, of)) / best('peer', of)) / 1000;
  line({
    ratioOf: who,
    // The first step of ours packs the weights, the first of the peer touches its memory.
    step: ratio(({ steps }) => Math.min(...steps.slice(1))),
    firstStep: ratio(({ steps }) => steps[0]!),
    beforeSteps: ratio(({ beforeSteps }) => beforeSteps),
    decode: ratio(({ decode }) => decode),
    whole: ratio(({ whole }) => whole),
    cpuSeconds: ratio(({ cpuSeconds }) => cpuSeconds),
    peakRss: ratio(({ peakRss }) => peakRss),
    psnr: psnr(pixels(pictureOf(who)), pixels(pictureOf('peer'))),
    cpu: cpus()[0]?.model,
    threads: availableParallelism(),
  });
}

/** Writes the files and converts them, unless an earlier run did. */
async function prepare(): Promise<{ files: RandomFlux; bundle: string }> {
  const bundle = join(folder, 'bundle');
  mkdirSync(folder, { recursive: true });
  const files = await writeRandomFlux(folder, [doubleBlocks, singleBlocks]);
  if (!existsSync(join(bundle, 'manifest.json'))) {
    const sources = Object.entries(files).flatMap(([name, path]) => [`--${name}`, path]);
    const args = ['convert', ...sources, '--tokenizers', tokenizers!, '--dtype', 'q4', '--out', bundle, '--json'];
    await promisify(execFile)(process.execPath, [CLI, ...args]);
  }
  return { files, bundle };
}

async function ours(out: string, level: string): Promise<Run> {
  const args = ['generate', '--model', bundle, '--prompt', PROMPT, '--seed', String(SEED), '--size', values.size];
  args.push(
    '--steps',
    values.steps,
    '--max-sequence-length',
    TEXT_TOKENS,
    '--accuracy-level',
    level,
    '--out',
    out,
    '--json',
  );
  const { seconds, output, ...used } = await measured(process.execPath, [CLI, ...args]);
  const { timings } = JSON.parse(output) as { timings: { steps: number[]; denoise: number; decode: number } };
  const steps = timings.steps.map((ms) => ms / 1000);
  const decode = timings.decode / 1000;
  return { whole: seconds, beforeSteps: seconds - timings.denoise / 1000 - decode, steps, decode, ...used };
}

async function peer(out: string): Promise<Run> {
  const threads = availableParallelism();
  const request = { files, prompt: PROMPT, size, guidance, seed: SEED, threads, sigmas, out };
  const { seconds, output, ...used } = await measured(python!, [PEER, JSON.stringify(request)]);
  const { load, text, steps, decode } = JSON.parse(output.trim().split('\n').at(-1)!) as {
    load: number;
    text: number;
    steps: number[];
    decode: number;
  };
  return { whole: seconds, beforeSteps: load + text, steps, decode, ...used };
}

/** Runs a command, and looks every 50 ms at what the kernel counts of it. */
async function measured(command: string, args: string[]) {
  const started = performance.now();
  let cpuSeconds = 0;
  let peakRss = 0;
  const running = promisify(execFile)(command, args, { maxBuffer: 1 << 26 });
  const timer = setInterval(() => {
    try {
      const [, fields = ''] = /\) (.*)/.exec(readFileSync(`/proc/${running.child.pid}/stat`, 'utf8')) ?? [];
      const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
      cpuSeconds = Math.max(cpuSeconds, (user + system) / 100);
      const status = readFileSync(`/proc/${running.child.pid}/status`, 'utf8');
      peakRss = Math.max(peakRss, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // It has ended.
    }
  }, 50);
  try {
    const { stdout } = await running;
    return { seconds: (performance.now() - started) / 1000, output: stdout, cpuSeconds, peakRss };
  } finally {
    clearInterval(timer);
  }
}

function pictureOf(who: string): string {
  return join(folder, `${who.replace(/\W+/g, '-')}.png`);
}

function pixels(path: string): Uint8Array[] {
  return [decode(readFileSync(path)).data as Uint8Array];
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'peer', ...record })}\n`);
}
