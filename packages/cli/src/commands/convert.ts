import { readFile } from 'node:fs/promises';
import { InputError, type WeightClass } from '@flux-srpo/core';
import { type BundleInfo, convertPipeline } from '@flux-srpo/export';
import { createBundleSink, openPipelineFolder } from '@flux-srpo/export/node';
import { formatBytes, formatSeconds } from '../format.ts';
import { onlyPositional, parseOptions, required } from '../options.ts';
import { progressBar } from '../progress.ts';

const DTYPES: readonly string[] = ['f32', 'f16', 'q8', 'q4'] satisfies WeightClass[];

export async function runConvert(args: string[], signal: AbortSignal): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    out: { type: 'string' },
    dtype: { type: 'string', default: 'q4' },
    info: { type: 'string' },
    bake: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  });
  const folder = onlyPositional(positionals, 'pipeline folder');
  const out = required(values.out, '--out');
  const dtype = weightClass(values.dtype);
  const info = values.info === undefined ? undefined : await readInfo(values.info);

  const started = performance.now();
  const bar = progressBar('convert', values.json);
  const sink = await createBundleSink(out);
  try {
    const summary = await convertPipeline(await openPipelineFolder(folder), sink, {
      dtype,
      bake: values.bake,
      ...(info ? { info } : {}),
      signal,
      onProgress: ({ done, total, part }) => bar.update(done / total, part),
    });
    bar.stop();
    const seconds = (performance.now() - started) / 1000;
    if (values.json) {
      process.stdout.write(`${JSON.stringify({ out, seconds, ...summary })}\n`);
    } else {
      const { fallbacks, unused } = summary;
      process.stdout.write(
        `${out}: ${summary.parts} parts, ${formatBytes(summary.bytes)} from ${formatBytes(summary.sourceBytes)}, ` +
          `${dtype}, ${formatSeconds(seconds)}\n`,
      );
      if (fallbacks.length > 0)
        process.stdout.write(`${fallbacks.length} tensors wider than asked; "inspect" lists them\n`);
      if (unused.length > 0)
        process.stdout.write(`${unused.length} tensors of the source not used: ${preview(unused)}\n`);
    }
  } finally {
    bar.stop();
    await sink.discard();
  }
}

function weightClass(value: string): WeightClass {
  if (DTYPES.includes(value)) return value as WeightClass;
  throw new InputError(`--dtype must be one of ${DTYPES.join(', ')}, got "${value}"`, {
    code: 'input/out-of-range',
    details: { field: 'dtype' },
  });
}

async function readInfo(path: string): Promise<BundleInfo> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as BundleInfo;
  } catch (cause) {
    throw new InputError(`--info must be a JSON file, and ${path} is not`, { code: 'input/type', cause });
  }
}

function preview(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ');
}
