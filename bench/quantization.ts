// What each way of storing linear layers costs in bits and in error, beside ggml's.
//
//   npx tsx bench/quantization.ts [--bundles f32=FOLDER,q4m=FOLDER,…] [--count 14]
//   python test/reference/ggml_quantizers.py <ggml> --speed   # ggml's speed, one core
//
// One JSON line per class and distribution of weights: bits per weight on disk, relative RMS error,
// ggml's errors from the committed fixture, and MB of float32 per second of processor time (best of
// five). Each class is measured in a process of its own.
//
// --bundles draws the same prompts and seeds with each bundle. The first bundle is the reference:
// the lines give the PSNR against its pictures (dB), and how well the pictures match their prompts.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { quantizeQ4, quantizeQ4m, quantizeQ8 } from '@flux-srpo/export';
import { e4m4ToF32 } from '@flux-srpo/formats';
import { createPipeline, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { checkPicture, type Reading } from '../models/tiny/scenes/check.ts';
import type { Scene } from '../models/tiny/scenes/grammar.ts';
import { testPrompts } from '../models/tiny/scenes/prompts.ts';
import { summarise } from '../models/tiny/scenes/score.ts';
import {
  DISTRIBUTION_COLUMNS,
  DISTRIBUTIONS,
  distribution,
} from '../packages/export/src/test-support/distributions.ts';
import { dequantizeQ4, dequantizeQ4m, dequantizeQ8 } from '../test/support/dequantize.ts';
import { relativeRms } from '../test/support/relative-rms.ts';

const { values } = parseArgs({
  options: { bundles: { type: 'string' }, count: { type: 'string', default: '14' }, class: { type: 'string' } },
});

interface Stored {
  bytes: number;
  back: () => Float32Array;
}

const symmetric =
  (quantize: typeof quantizeQ4, dequantize: typeof dequantizeQ4) =>
  (rows: Float32Array): Stored => {
    const { codes, scales } = quantize(rows, true);
    return { bytes: codes.length + 2 * scales.length, back: () => dequantize(codes, scales) };
  };

const CLASSES: Readonly<Record<string, (rows: Float32Array) => Stored>> = {
  q4m: (rows) => {
    const { codes, scales } = quantizeQ4m(rows, DISTRIBUTION_COLUMNS);
    return {
      bytes: codes.length + scales.length,
      back: () => dequantizeQ4m(codes, e4m4ToF32(scales), DISTRIBUTION_COLUMNS),
    };
  },
  q4: symmetric(quantizeQ4, dequantizeQ4),
  q8: symmetric(quantizeQ8, dequantizeQ8),
};

function print(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

function measureClass(name: string): void {
  const oracle = new URL('../test/fixtures/oracles/ggml-quantizers.json', import.meta.url);
  const { errors } = JSON.parse(readFileSync(oracle, 'utf8')) as { errors: Record<string, Record<string, unknown>> };
  for (const weights of DISTRIBUTIONS) {
    const rows = distribution(weights);
    const quantize = CLASSES[name]!;
    let seconds = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 5; run++) {
      const before = process.cpuUsage();
      quantize(rows);
      const { user, system } = process.cpuUsage(before);
      seconds = Math.min(seconds, (user + system) / 1e6);
    }
    const { bytes, back } = quantize(rows);
    const { sha256: _, ...ggml } = errors[weights]!;
    const mbPerSecond = Math.round(rows.byteLength / seconds / 1e6);
    print({
      class: name,
      weights,
      bits: (8 * bytes) / rows.length,
      error: relativeRms(back(), rows),
      ggml,
      mbPerSecond,
    });
  }
}

async function measureBundles(list: string, count: number): Promise<void> {
  let reference: Uint8Array[] | undefined;
  for (const [name, folder] of list.split(',').map((entry) => entry.split('=') as [string, string])) {
    const bundle = await openBundle(folderBundle(folder));
    const pipeline = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }) });
    const pictures: Uint8Array[] = [];
    const pairs: { read: Reading; asked: Scene }[] = [];
    for (const [seed, { prompt, scene, size }] of testPrompts(count, true).entries()) {
      const { images } = await pipeline.generate({ prompt, size, seed });
      const { rgb, width, height } = images[0]!;
      pictures.push(rgb);
      pairs.push({ read: checkPicture(rgb, width, height), asked: scene });
    }
    await pipeline.dispose();
    reference ??= pictures;
    const { mean, attributes } = summarise(pairs);
    print({ bundle: name, pictures: count, psnr: psnr(reference, pictures), mean, kind: attributes.kind });
  }
}

/** PSNR over the bytes of all pictures, in dB; null when they are equal. */
function psnr(reference: readonly Uint8Array[], pictures: readonly Uint8Array[]): number | null {
  let squares = 0;
  let count = 0;
  for (const [i, picture] of pictures.entries()) {
    for (const [j, value] of picture.entries()) squares += (value - reference[i]![j]!) ** 2;
    count += picture.length;
  }
  return squares === 0 ? null : 10 * Math.log10(255 ** 2 / (squares / count));
}

if (values.class !== undefined) measureClass(values.class);
else {
  for (const name of Object.keys(CLASSES)) {
    const script = fileURLToPath(import.meta.url);
    process.stdout.write(execFileSync(process.execPath, [...process.execArgv, script, '--class', name]));
  }
  if (values.bundles !== undefined) await measureBundles(values.bundles, Number(values.count));
}
