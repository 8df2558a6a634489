import { PARTS, type T5Config, t5PositionBias } from '@flux-srpo/core';
import { widen } from '@flux-srpo/formats';
import { hostTensor } from '../host-tensor.ts';
import type { Feed, Phase } from '../parts/phase.ts';
import { TensorScope } from '../parts/tensor-scope.ts';
import type { EncoderInputs } from './encoder-inputs.ts';
import { readRows } from './read-rows.ts';

/**
 * T5's last hidden state. No mask: FLUX was trained with the padding taking part.
 * @returns prompt_embeds [S_txt, D]
 */
export async function encodeT5(phase: Phase, { config, ids, onLayer }: EncoderInputs<T5Config>): Promise<Float32Array> {
  const tokens = ids.length;
  const table = await phase.bundle.weights(PARTS.t5Embedding.name);
  const embedded = await readRows(table, 'token', config.d_model, ids, phase.signal);
  const biasTable = widen(table.info('position_bias').dtype, await table.read('position_bias', phase.signal));

  const scope = new TensorScope();
  try {
    const bias = await phase.place([1, config.num_heads, tokens, tokens], t5PositionBias(biasTable, tokens, config));
    scope.replace('bias', bias);
    let hidden: Feed = hostTensor([1, tokens, config.d_model], embedded);
    for (let layer = 0; layer < config.num_layers; layer++) {
      const next = layer + 1 < config.num_layers ? PARTS.t5Layer(layer + 1) : PARTS.t5Final;
      const feeds = { hidden, position_bias: bias };
      const { hidden_out } = await phase.run(PARTS.t5Layer(layer), feeds, ['hidden_out'], next);
      hidden = scope.replace('hidden', hidden_out);
      onLayer();
    }
    const { prompt_embeds } = await phase.run(PARTS.t5Final, { hidden }, ['prompt_embeds']);
    return await phase.read(scope.replace('hidden', prompt_embeds));
  } finally {
    scope.release();
  }
}
