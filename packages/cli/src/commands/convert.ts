import { formatBytes, formatCount } from '@flux-srpo/core';
import { type ConvertNotice, type ConvertProgress, convertPipeline, type UnusedTensor } from '@flux-srpo/export';
import { bundleFolder, pipelineFolder, threadQuantizer } from '@flux-srpo/export/node';
import { readInputs } from '../convert-inputs.ts';
import { formatSeconds } from '../format.ts';
import { integerOption, parseOptions, required } from '../options.ts';
import { progressBar } from '../progress.ts';

/** Far more than any machine has cores. A thread takes about 10 MB. */
const MAX_THREADS = 256;

export async function runConvert(args: string[], signal: AbortSignal): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    out: { type: 'string' },
    dtype: { type: 'string' },
    recipe: { type: 'string' },
    'accept-license': { type: 'boolean', default: false },
    anyway: { type: 'boolean', default: false },
    info: { type: 'string' },
    checkpoint: { type: 'string' },
    transformer: { type: 'string' },
    t5: { type: 'string' },
    clip: { type: 'string' },
    vae: { type: 'string' },
    tokenizers: { type: 'string' },
    token: { type: 'string' },
    'safety-checker': { type: 'string' },
    lora: { type: 'string', multiple: true, default: [] },
    bake: { type: 'boolean', default: false },
    threads: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  const out = required(values.out, '--out');
  const threads = values.threads === undefined ? undefined : integerOption(values.threads, 'threads', 1, MAX_THREADS);
  const checker = values['safety-checker'];
  const onNotice = (notice: ConvertNotice) => process.stderr.write(`${noticeText(notice, out)}\n`);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { source, loras, dtype, info } = await readInputs(values, positionals, out, { onNotice, say });

  const started = performance.now();
  const quantizer = threadQuantizer(threads === undefined ? {} : { threads });
  const bar = progressBar('convert', values.json);
  let found = 0;
  try {
    const { manifest, identity, bytes, unused } = await convertPipeline(source, await bundleFolder(out), {
      dtype,
      loras,
      bake: values.bake,
      info,
      ...(checker === undefined ? {} : { safetyChecker: pipelineFolder(checker) }),
      quantizer,
      signal,
      onProgress: (progress) => {
        found = progress.parts.found;
        bar.update(progress.bytes.done / progress.bytes.total, progressText(progress));
      },
      onNotice,
    });
    bar.stop();
    const seconds = (performance.now() - started) / 1000;
    const { fallbacks } = manifest.quantization;
    if (values.json) {
      const record = { out, identity, bytes, parts: manifest.parts.length, found, dtype, seconds, fallbacks, unused };
      process.stdout.write(`${JSON.stringify(record)}\n`);
      return;
    }
    const size = formatBytes(bytes);
    process.stdout.write(
      `${out}: ${formatCount(manifest.parts.length, 'part')}, ${size}, ${dtype}, ${formatSeconds(seconds)}\n`,
    );
    if (fallbacks.length > 0)
      process.stdout.write(`${formatCount(fallbacks.length, 'tensor')} wider than asked; "inspect" lists them\n`);
    process.stdout.write(unusedText(unused));
  } finally {
    bar.stop();
    await quantizer.close();
  }
}

function progressText({ part, bytes, rate, secondsLeft }: ConvertProgress): string {
  const amount = `${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`;
  const speed = secondsLeft === undefined ? '' : `, ${formatBytes(rate)}/s, ${formatSeconds(secondsLeft)} left`;
  return `${amount}${speed}, ${part}`;
}

function noticeText(notice: ConvertNotice, out: string): string {
  if (notice.type === 'assumed') return `assumed: ${notice.what}`;
  if (notice.type === 'left-out') return `left out: ${notice.what}`;
  if (notice.type === 'continued') return `going on with the interrupted conversion in ${out}.partial`;
  if (notice.type === 'other-source') return `${notice.reason}; taking ${notice.taken}`;
  if (notice.type === 'started-over') return `starting over: ${notice.reason}, so ${out}.partial cannot be used`;
  return `what is done is kept in ${out}.partial; run the same command to go on from there`;
}

/** How many tensors, of which network, and why. `--json` names them. */
function unusedText(unused: readonly UnusedTensor[]): string {
  if (unused.length === 0) return '';
  const counts = new Map<string, number>();
  for (const { component, reason } of unused) {
    const group = `of ${component} (${reason})`;
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  const groups = [...counts].map(([group, count]) => `  ${count} ${group}\n`);
  return `${formatCount(unused.length, 'tensor')} of the source not used, by name with --json:\n${groups.join('')}`;
}
