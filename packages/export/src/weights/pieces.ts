import type { Numbers } from '../tensors/numbers.ts';

/**
 * A slot's weights in torch's order, in pieces of whole rows. Each call starts again. A piece's
 * memory may be overwritten when the third piece after it is read.
 */
export type Pieces = () => AsyncIterable<Numbers>;
