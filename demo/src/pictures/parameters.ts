import type { FormValues } from '../state.ts';
import { words } from '../words.ts';
import { type Restored, sizeOf, someOf } from './restored.ts';

/** `Name: value` or `Name: "a, b"`. It takes time in proportion to the text, whatever that is. */
const SETTING = /(?<![\w /-])([\w /-]+):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)/g;

/**
 * The text of A1111: prompt, then "Negative prompt: …", then one line of settings.
 * @see https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/infotext_utils.py `parse_generation_parameters`
 */
export function readParameters(text: string): Restored {
  const lines = text.trim().split('\n');
  const last = /(?:^|, )Steps: \d+/.test(lines.at(-1) ?? '') ? (lines.pop() ?? '') : '';
  const negative = lines.findIndex((line) => line.startsWith('Negative prompt:'));
  const prompt = lines.slice(0, negative < 0 ? undefined : negative).join('\n');
  const fields = new Map([...last.matchAll(SETTING)].map(([, key = '', value = '']) => [key.trim(), value.trim()]));
  const take = (key: string) => {
    const value = fields.get(key);
    fields.delete(key);
    return value;
  };
  const [, width, height] = /^(\d+)x(\d+)$/.exec(take('Size') ?? '') ?? [];
  const form: Partial<FormValues> = {
    prompt,
    steps: take('Steps'),
    guidance: take('Distilled CFG Scale'),
    seed: take('Seed') ?? '',
    n: '1',
    ...sizeOf(width, height),
  };
  if (take('CFG scale') !== '1') fields.set('CFG scale', '');
  if (/^euler$/i.test(fields.get('Sampler') ?? '')) fields.delete('Sampler');
  const unused = someOf(fields.keys());
  return { form, unused: negative < 0 ? unused : [words.restored.negative, ...unused] };
}
