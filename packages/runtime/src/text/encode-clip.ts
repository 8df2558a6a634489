import { type ClipConfig, ModelError, PARTS } from '@flux-srpo/core';
import { hostTensor } from '../host-tensor.ts';
import type { Feed, Phase } from '../parts/phase.ts';
import { TensorScope } from '../parts/tensor-scope.ts';
import type { EncoderInputs } from './encoder-inputs.ts';
import { readRows } from './read-rows.ts';

/** Lowest finite float32: a score with this added is 0 after softmax. */
const MASKED = -3.4028234663852886e38;

/**
 * CLIP's pooled embedding: the final LayerNorm at the first end-of-text token, not projected.
 * @returns [C]
 */
export async function encodeClip(
  phase: Phase,
  { config, ids, onLayer }: EncoderInputs<ClipConfig>,
): Promise<Float32Array> {
  const tokens = ids.length;
  const width = config.hidden_size;
  const end = ids.indexOf(config.eos_token_id);
  if (end < 0) {
    throw new ModelError(
      `the CLIP tokenizer must end a prompt with id ${config.eos_token_id}, got none; convert with the model's own tokenizer`,
      {
        code: 'model/tokenizer-invalid',
        details: { eos: config.eos_token_id },
      },
    );
  }
  const table = await phase.bundle.weights(PARTS.clipEmbedding.name);
  const embedded = await readRows(table, 'token', width, ids, phase.signal);
  const positions = await readRows(table, 'position', width, Array.from(ids.keys()), phase.signal);
  for (let i = 0; i < embedded.length; i++) embedded[i] += positions[i];

  const scope = new TensorScope();
  try {
    const mask = hostTensor([1, 1, tokens, tokens], causalMask(tokens));
    let hidden: Feed = hostTensor([1, tokens, width], embedded);
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      const next = layer + 1 < config.num_hidden_layers ? PARTS.clipLayer(layer + 1) : PARTS.clipFinal;
      const feeds = { hidden, causal_mask: mask };
      const { hidden_out } = await phase.run(PARTS.clipLayer(layer), feeds, ['hidden_out'], next);
      hidden = scope.replace('hidden', hidden_out);
      onLayer();
    }
    const { normed } = await phase.run(PARTS.clipFinal, { hidden }, ['normed'], PARTS.t5Layer(0));
    const states = await phase.read(scope.replace('hidden', normed));
    return states.slice(end * width, (end + 1) * width);
  } finally {
    scope.release();
  }
}

/** [S, S], 0 where query i may see key j ≤ i. */
function causalMask(tokens: number): Float32Array {
  const mask = new Float32Array(tokens * tokens);
  for (let query = 0; query < tokens; query++) mask.fill(MASKED, query * tokens + query + 1, (query + 1) * tokens);
  return mask;
}
