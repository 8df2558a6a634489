import { hiddenSize, type TransformerConfig } from '@flux-srpo/core';

/**
 * Operations of one block of either kind: 12·H² weights per token, then scores and mixing over all
 * pairs of tokens.
 *
 * @param tokens text and image together
 */
export function blockFlops(config: TransformerConfig, tokens: number): number {
  const width = hiddenSize(config);
  return 2 * tokens * 12 * width ** 2 + 4 * tokens ** 2 * width;
}

/** Operations of all blocks, once. */
export function stepFlops(config: TransformerConfig, tokens: number): number {
  return (config.num_layers + config.num_single_layers) * blockFlops(config, tokens);
}
