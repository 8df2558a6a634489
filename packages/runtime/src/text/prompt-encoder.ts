import type { Bundle } from '../bundle/bundle.ts';
import type { Phase } from '../parts/phase.ts';
import type { ResolvedRequest } from '../request.ts';
import { encodeClip } from './encode-clip.ts';
import { encodeT5 } from './encode-t5.ts';
import type { Tokenizers } from './tokenizers.ts';

export interface PromptEmbedding {
  /** Of T5, [S_txt, D]. */
  promptEmbeds: Float32Array;
  /** Of CLIP, [D_clip]. */
  pooled: Float32Array;
  /** Prompt tokens that did not fit, by encoder. */
  dropped: { clip: number; t5: number };
}

type Prompt = Pick<ResolvedRequest, 'prompt' | 'maxSequenceLength'>;

/** Prompts whose embeddings are remembered. Each takes up to 8 MB. */
const REMEMBERED_PROMPTS = 4;

/** Both text encoders, and the last prompts that they encoded. */
export class PromptEncoder {
  readonly #bundle: Bundle;
  readonly #tokenizers: Tokenizers;
  /** The oldest first. */
  readonly #remembered = new Map<string, PromptEmbedding>();

  constructor(bundle: Bundle, tokenizers: Tokenizers) {
    this.#bundle = bundle;
    this.#tokenizers = tokenizers;
  }

  /** The embedding of a prompt that was encoded lately. */
  recall(prompt: Prompt): PromptEmbedding | undefined {
    return this.#remembered.get(keyOf(prompt));
  }

  /** Runs both encoders, CLIP first. `onLayer` is called after each of their layers. */
  async encode(phase: Phase, prompt: Prompt, onLayer: () => void): Promise<PromptEmbedding> {
    const { config, tokenizers } = this.#bundle.manifest;
    const clip = this.#tokenizers.clip.tokenize(prompt.prompt, tokenizers.tokenizer.max_length);
    const t5 = this.#tokenizers.t5.tokenize(prompt.prompt, prompt.maxSequenceLength);
    const pooled = await encodeClip(phase, { config: config.text_encoder, ids: clip.ids, onLayer });
    const promptEmbeds = await encodeT5(phase, { config: config.text_encoder_2, ids: t5.ids, onLayer });
    const embedding = { promptEmbeds, pooled, dropped: { clip: clip.dropped, t5: t5.dropped } };
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size >= REMEMBERED_PROMPTS && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(keyOf(prompt), embedding);
    return embedding;
  }
}

function keyOf({ prompt, maxSequenceLength }: Prompt): string {
  return JSON.stringify([prompt, maxSequenceLength]);
}
