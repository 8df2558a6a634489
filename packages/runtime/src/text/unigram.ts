/** What is used of a Unigram model of transformers.js. */
export interface UnigramModel {
  readonly trie: { common_prefix_search(chars: readonly string[], start: number): Iterable<string> };
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  readonly unk_token_id: number;
  /** Log probabilities by id; that of an unknown character. */
  readonly scores: readonly number[];
  readonly unk_score: number;
}

/**
 * The likeliest pieces of each word, by Viterbi's search. A run of unknown characters is one piece.
 *
 * The library's own search gives the same, but keeps objects for each way, takes a run of unknown
 * characters the square of its length, and passes all pieces of a word as arguments of one call, of
 * which engines take some 60,000.
 */
export function encodeWords(words: readonly string[], model: UnigramModel): string[] {
  const isKnown = (piece: string) => (model.tokens_to_ids.get(piece) ?? model.unk_token_id) !== model.unk_token_id;
  const pieces = words.flatMap((word) => likeliestPieces(word, model));
  return pieces.filter((piece, i) => i === 0 || isKnown(piece) || isKnown(pieces[i - 1]!));
}

/** An unknown character is a piece of its own. */
function likeliestPieces(word: string, { trie, tokens_to_ids, scores, unk_score }: UnigramModel): string[] {
  const chars = Array.from(word);
  // Of the likeliest way to each place: its score, and the characters of its last piece.
  const best = new Float64Array(chars.length + 1).fill(Number.NEGATIVE_INFINITY, 1);
  const lengths = new Uint8Array(chars.length + 1);
  for (let start = 0; start < chars.length; start++) {
    const reach = (length: number, score: number): void => {
      if (best[start]! + score <= best[start + length]!) return;
      best[start + length] = best[start]! + score;
      lengths[start + length] = length;
    };
    let isKnown = false;
    for (const piece of trie.common_prefix_search(chars, start)) {
      const length = Array.from(piece).length;
      reach(length, scores[tokens_to_ids.get(piece)!]!);
      isKnown ||= length === 1;
    }
    if (!isKnown) reach(1, unk_score);
  }
  const pieces: string[] = [];
  for (let end = chars.length; end > 0; end -= lengths[end]!) {
    pieces.push(chars.slice(end - lengths[end]!, end).join(''));
  }
  return pieces.reverse();
}
