import { words } from '../words.ts';
import { readComfy } from './comfy.ts';
import { readParameters } from './parameters.ts';
import { readPngText } from './png-text.ts';
import { type Restored, textOf } from './restored.ts';

/** Reads a picture of this library, A1111 and its relatives, or ComfyUI; undefined says nothing. */
export async function restore(file: Blob): Promise<Restored | undefined> {
  const texts = await readPngText(file);
  const own = texts.get('flux-srpo');
  const graph = texts.get('prompt');
  const parameters = texts.get('parameters');
  if (own !== undefined) return readOwn(JSON.parse(own));
  if (graph !== undefined) return readComfy(JSON.parse(graph));
  return parameters === undefined ? undefined : readParameters(parameters);
}

/** @see packages/runtime/src/encode-picture.ts `PictureSettings` */
function readOwn(settings: Record<string, unknown>): Restored {
  const { prompt, steps, guidance, seed, index, n, width, height, acceleration } = settings;
  const unused = typeof index === 'number' && index > 0 ? [words.restored.oneOf(index + 1, Number(n))] : [];
  return {
    form: {
      prompt: String(prompt),
      size: 'custom',
      width: String(width),
      height: String(height),
      steps: textOf(steps),
      guidance: textOf(guidance),
      n: textOf(n) ?? '1',
      acceleration: acceleration === 'regular' || acceleration === 'high' ? acceleration : 'none',
      seed: textOf(seed) ?? '',
    },
    unused,
  };
}
