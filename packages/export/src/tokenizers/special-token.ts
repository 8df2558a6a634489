/**
 * An entry of `added_tokens` in a `tokenizer.json`: a token that is looked for before all else, as
 * it is written, and that no text becomes part of.
 */
export function specialToken(id: number, content: string) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}
