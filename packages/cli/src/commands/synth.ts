import { DEFAULT_WEIGHT_CLASS, formatBytes, formatCount, parseWeightClass } from '@flux-srpo/core';
import { synthesizeBundle } from '@flux-srpo/export';
import { bundleFolder, pipelineFolder } from '@flux-srpo/export/node';
import { formatSeconds } from '../format.ts';
import { numberOption, parseOptions, required, UsageError } from '../options.ts';
import { progressBar } from '../progress.ts';
import { readShape } from '../shape.ts';

export async function runSynth(args: string[], signal: AbortSignal): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    shape: { type: 'string', default: 'flux-dev' },
    dtype: { type: 'string', default: DEFAULT_WEIGHT_CLASS },
    seed: { type: 'string', default: '0' },
    tokenizers: { type: 'string' },
    virtual: { type: 'boolean', default: false },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  if (positionals.length > 0) throw new UsageError(`unexpected argument "${positionals[0]}"`);
  const out = required(values.out, '--out');
  const dtype = parseWeightClass(values.dtype, '--dtype');
  const config = await readShape(values.shape);
  const started = performance.now();
  const bar = progressBar('synth', values.json);
  try {
    const { manifest, identity, bytes, written } = await synthesizeBundle(config, await bundleFolder(out), {
      dtype,
      seed: numberOption(values.seed, 'seed') ?? 0,
      tokenizers: values.tokenizers === undefined ? undefined : pipelineFolder(values.tokenizers),
      virtual: values.virtual,
      signal,
      onProgress: ({ part, done, total }) => bar.update(done / total, part),
    });
    bar.stop();
    const seconds = (performance.now() - started) / 1000;
    const parts = manifest.parts.length;
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ out, identity, bytes, written, parts, dtype, seconds })}\n`
        : `${out}: ${formatCount(parts, 'part')} of random numbers, ${formatBytes(bytes)}${values.virtual ? `, ${formatBytes(written)} of them written` : ''}, ${dtype}, ${formatSeconds(seconds)}\n`,
    );
  } finally {
    bar.stop();
  }
}
