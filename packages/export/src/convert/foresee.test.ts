import type { WeightClass } from '@flux-srpo/core';
import { describe, expect, it, vi } from 'vitest';
import type { SourceFolder } from '../sources/source-folder.ts';
import { memoryBundle, memorySource } from '../test-support/memory.ts';
import { tinyPipeline } from '../test-support/tiny-pipeline.ts';
import { convertPipeline } from './convert.ts';
import type { ConvertProgress } from './convert-progress.ts';
import { foreseeConversion } from './foresee.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000 });

describe('foreseeConversion', () => {
  // Oracle: the conversion itself.
  it.each<WeightClass>(['f32', 'f16', 'q8', 'q4', 'q4m'])(
    'says for %s what the conversion then does',
    async (dtype) => {
      const source = memorySource(await tinyPipeline());
      const { forecast } = await foreseeConversion(source, dtype);
      let last: ConvertProgress | undefined;
      const { manifest } = await convertPipeline(source, memoryBundle(), {
        dtype,
        onProgress: (progress) => {
          last = progress;
        },
      });
      const { parts, weights, bytes } = last!;
      expect(forecast).toMatchObject({ parts: parts.total, weights: weights.total, sourceBytes: bytes.total });
      const files = manifest.files.filter(({ path }) => path.startsWith('weights/'));
      const written = files.reduce((sum, { size }) => sum + size, 0);
      // The headers of the files, at most this long here, are not counted.
      expect(forecast.bytes).toBeLessThan(written);
      expect(forecast.bytes).toBeGreaterThan(written - 4000 * files.length);
    },
  );

  it('reads headers and small files, and closes what it opens', async () => {
    const files = await tinyPipeline();
    const whole = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    const memory = memorySource(files);
    let read = 0;
    let open = 0;
    const counted: SourceFolder = {
      ...memory,
      async open(path) {
        const file = await memory.open(path);
        open++;
        return {
          ...file,
          async read(offset, length, signal) {
            read += length;
            return await file.read(offset, length, signal);
          },
          close: async () => void open--,
        };
      },
    };
    await foreseeConversion(counted, 'q4m');
    expect(read).toBeLessThan(whole / 20);
    expect(open).toBe(0);
    files.set('vae/diffusion_pytorch_model.safetensors', Uint8Array.of(1, 2, 3));
    await expect(foreseeConversion(counted, 'q4m')).rejects.toMatchObject({ code: 'input/file-unsupported' });
    expect(open).toBe(0);
  });
});
