import { InputError } from './errors.ts';
import { MAX_PROMPT_CHARACTERS } from './limits.ts';
import { type Read, string } from './strict/index.ts';

/** A prompt of at most {@link MAX_PROMPT_CHARACTERS} UTF-16 units, without lone surrogates. */
export const readPrompt: Read<string> = (value, path) => {
  const prompt = string(value, path);
  if (prompt.length > MAX_PROMPT_CHARACTERS) throw promptTooLong(path, MAX_PROMPT_CHARACTERS, prompt.length);
  if (prompt.isWellFormed()) return prompt;
  throw new InputError(`${path} must be well-formed Unicode, got a lone surrogate`, {
    code: 'input/out-of-range',
    details: { field: path },
  });
};

/**
 * @param max UTF-16 units
 * @param when they are counted, if not in the text as it is
 */
export function promptTooLong(field: string, max: number, got: number, when = ''): InputError {
  return new InputError(`${field} must be at most ${max} characters${when}, got ${got}`, {
    code: 'input/prompt-too-long',
    details: { field, max },
  });
}
