import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { GgmlTypeName } from '@flux-srpo/formats';
import { writeLargeGguf, writeLargePipeline } from '../test/support/large-pipeline.ts';

// Converts a bf16 checkpoint and prints MB/s of the source and peak memory. With --python, the
// `gguf` package quantizes the same transformer to Q4_0 for comparison. With --kept, GGUF files of
// the same shapes are converted too, to the class that keeps their blocks.
//
//   npx tsx bench/conversion.ts [--gigabytes 8] [--hidden 3072] [--rounds 1] [--dtype q4]
//                               [--threads 1,2] [--kept Q4_0:q4,Q4_0:q4m,Q8_0:q8,Q4_1:q4m,Q4_K:q4m]
//                               [--python <python with gguf>] [--folder <folder>]
//                               [--cli <the built command's main.js>]
//
// One JSON line per tool and round; the tools take turns. CPU seconds are those of the whole
// process: on a busy machine they say more than the clock. The command runs from its TypeScript,
// which takes 2.7 CPU seconds to load, or with --cli as it is published.
//
// The transformer has FLUX.1's width, or `--hidden`, and as many blocks as fill the size. The other
// networks are tiny.

const { values: args } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '8' },
    hidden: { type: 'string', default: '3072' },
    rounds: { type: 'string', default: '1' },
    dtype: { type: 'string', default: 'q4' },
    threads: { type: 'string' },
    kept: { type: 'string' },
    python: { type: 'string' },
    folder: { type: 'string', default: tmpdir() },
    cli: { type: 'string', default: fileURLToPath(new URL('../packages/cli/bin/flux-srpo.js', import.meta.url)) },
  },
});

const GGUF = fileURLToPath(new URL('./conversion_gguf.py', import.meta.url));

interface Measured {
  seconds: number;
  cpuSeconds: number;
  peakRss: number;
  outBytes: number;
}

/** Runs a command to its end and gives the last line that it printed. */
async function run(command: string, commandArgs: readonly string[]): Promise<string> {
  const child = spawn(command, commandArgs, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return output.trimEnd().split('\n').at(-1) ?? '';
}

/**
 * Code for the process itself: prints its time and memory when it ends. The peak is Linux' own
 * count: that of `resourceUsage` begins with the memory of the process that started this one.
 */
const USAGE = `import { readFileSync } from 'node:fs';
process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const peakRss = Number(/VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  console.log(JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakRss, seconds: performance.now() / 1000 }));
})`;

/** @param source what to convert, and to which class: arguments of `convert` */
async function measureOurs(source: readonly string[], out: string, threads: string | undefined): Promise<Measured> {
  const usage = `data:text/javascript,${encodeURIComponent(USAGE)}`;
  const ours = threads === undefined ? [] : ['--threads', threads];
  const line = await run(process.execPath, ['--import', usage, args.cli, 'convert', ...source, '--out', out, ...ours]);
  const { seconds, cpuSeconds, peakRss } = JSON.parse(line) as Omit<Measured, 'outBytes'>;
  const { files } = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8'));
  const outBytes = (files as { size: number }[]).reduce((sum, { size }) => sum + size, 0);
  return { seconds, cpuSeconds, peakRss, outBytes };
}

const folder = await mkdtemp(join(args.folder, 'flux-srpo-conversion-'));
try {
  const pipeline = join(folder, 'pipeline');
  const bytes = Number(args.gigabytes) * 1e9;
  const hidden = Number(args.hidden);
  const transformer = await writeLargePipeline(pipeline, bytes, hidden);
  const sources = [{ tool: `bf16 to ${args.dtype}`, file: transformer, source: [pipeline, '--dtype', args.dtype] }];
  for (const pair of args.kept?.split(',') ?? []) {
    const [type, dtype] = pair.split(':') as [GgmlTypeName, string];
    const file = join(folder, `${type}.gguf`);
    await writeLargeGguf(file, type, bytes, hidden);
    const source = [pipeline, '--transformer', file, '--dtype', dtype];
    sources.push({ tool: `${type} kept, asked for ${dtype}`, file, source });
  }
  const print = async (tool: string, file: string, measured: Measured) => {
    const { seconds, cpuSeconds, peakRss, outBytes } = measured;
    const { size } = await stat(file);
    const rates = { megabytesPerSecond: size / 1e6 / seconds, megabytesPerCpuSecond: size / 1e6 / cpuSeconds };
    const line = { bench: 'conversion', tool, sourceBytes: size, outBytes, seconds, cpuSeconds, ...rates, peakRss };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  for (let round = 0; round < Number(args.rounds); round++) {
    if (args.python !== undefined) {
      const out = join(folder, 'out.gguf');
      const line = await run(args.python, [GGUF, transformer, out, 'Q4_0']);
      await print('gguf Q4_0', transformer, JSON.parse(line) as Measured);
      await rm(out);
    }
    for (const { tool, file, source } of sources) {
      for (const threads of args.threads?.split(',') ?? [undefined]) {
        const out = join(folder, 'out');
        const named = `flux-srpo ${tool}${threads === undefined ? '' : `, threads: ${threads}`}`;
        await print(named, file, await measureOurs(source, out, threads));
        await rm(out, { recursive: true });
      }
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
