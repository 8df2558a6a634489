import { InputError } from '@flux-srpo/core';
import type { LoraSource } from '@flux-srpo/export';
import { sourceFile } from './source-file.ts';

/** What follows the last colon, if it is a number: paths and addresses have colons too. */
const STRENGTH = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i;

/** A name that ends in a colon and something else is no file's: a strength was meant. */
const NO_STRENGTH = /\.(?:safetensors|sft):([^/\\:]*)$/i;

/** The values of `--lora`, `file` or `file:strength`. */
export function readLoras(values: readonly string[], token: string | undefined): LoraSource[] {
  return values.map((value) => {
    const wrong = STRENGTH.test(value) ? undefined : NO_STRENGTH.exec(value)?.[1];
    if (wrong !== undefined) {
      throw new InputError(`--lora ${value}: the strength must be a number like 0.8, got "${wrong}"`, {
        code: 'input/type',
        details: { field: 'lora' },
      });
    }
    const [, at = value, strength = '1'] = STRENGTH.exec(value) ?? [];
    return { file: sourceFile(at, token), strength: Number(strength) };
  });
}
