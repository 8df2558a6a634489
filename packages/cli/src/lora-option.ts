import type { LoraSource } from '@flux-srpo/export';
import { sourceFile } from './source-file.ts';

/** What follows the last colon, where it is a number: paths and addresses have colons of their own. */
const STRENGTH = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i;

/** The values of `--lora`, `file` or `file:strength`. */
export function readLoras(values: readonly string[], token: string | undefined): LoraSource[] {
  return values.map((value) => {
    const [, at = value, strength = '1'] = STRENGTH.exec(value) ?? [];
    return { file: sourceFile(at, token), strength: Number(strength) };
  });
}
