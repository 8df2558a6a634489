import { hiddenSize, type TransformerConfig } from '@flux-srpo/core';
import type { GraphBuilder } from './graph-builder.ts';
import type { Value } from './node-builder.ts';
import { add, imageTokens } from './ops.ts';

/*
 * The step cache: what the first block adds to the image tells how much a step changes. These
 * graphs have no weights.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/hooks/first_block_cache.py
 */

/** What the first block added to the image stream. */
export function cacheResidual(g: GraphBuilder, config: TransformerConfig): void {
  const dims = [1, 'S_img', hiddenSize(config)];
  g.output('residual', g.node('Sub', [g.input('img_out', dims), g.input('img', dims)], dims));
}

/** mean|residual − previous| / mean|previous|, one number. */
export function cacheChange(g: GraphBuilder, config: TransformerConfig): void {
  const dims = [1, 'S_img', hiddenSize(config)];
  const residual = g.input('residual', dims);
  const previous = g.input('previous', dims);
  const meanSize = (x: Value) => g.node('ReduceMean', [g.node('Abs', [x], dims)], [1, 1, 1], { keepdims: 1 });
  const difference = g.node('Sub', [residual, previous], dims);
  g.output('change', g.node('Div', [meanSize(difference), meanSize(previous)], [1, 1, 1]));
}

/** What all blocks after the first added to the image. A skipped step adds it again. */
export function cacheRest(g: GraphBuilder, config: TransformerConfig): void {
  const width = hiddenSize(config);
  const hidden = g.input('hidden', [1, 'S', width]);
  const first = g.input('first', [1, 'S_img', width]);
  const image = imageTokens(g, hidden, g.input('text_length', [1], 'int64'));
  g.output('rest', g.node('Sub', [image, first], first.dims));
}

export function cacheApply(g: GraphBuilder, config: TransformerConfig): void {
  const dims = [1, 'S_img', hiddenSize(config)];
  g.output('hidden', add(g, g.input('first', dims), g.input('rest', dims)));
}
