import { words } from '../words.ts';
import { readComfy } from './comfy.ts';
import { readParameters } from './parameters.ts';
import { readPngText } from './png-text.ts';
import { isRecord, type Restored, textOf } from './restored.ts';

/** Reads a picture of this library, A1111 and its relatives, or ComfyUI; undefined says nothing. */
export async function restore(file: Blob): Promise<Restored | undefined> {
  const texts = await readPngText(file);
  const own = parseRecord(texts.get('flux-srpo'));
  if (own !== undefined) return readOwn(own);
  const graph = parseRecord(texts.get('prompt'));
  if (graph !== undefined) return readComfy(graph);
  const parameters = texts.get('parameters');
  return parameters === undefined ? undefined : readParameters(parameters);
}

function parseRecord(json = ''): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @see packages/runtime/src/encode-picture.ts `PictureSettings` */
function readOwn(settings: Record<string, unknown>): Restored {
  const { prompt, steps, guidance, seed, index, n, width, height, acceleration } = settings;
  const unused = typeof index === 'number' && index > 0 ? [words.restored.oneOf(index + 1, Number(n))] : [];
  return {
    form: {
      prompt: textOf(prompt) ?? '',
      size: 'custom',
      width: textOf(width) ?? '',
      height: textOf(height) ?? '',
      steps: textOf(steps),
      guidance: textOf(guidance),
      n: textOf(n) ?? '1',
      acceleration: acceleration === 'regular' || acceleration === 'high' ? acceleration : 'none',
      seed: textOf(seed) ?? '',
    },
    unused,
  };
}
