/** How graphs cut what is too large for a buffer. Builders cut by this, the planner counts. */

/** Width of an MLP's hidden layer in FLUX's blocks, in widths of the stream. */
export const MLP_RATIO = 4;

/**
 * The widest hidden layer of an MLP that is computed in one piece. At 4608 tokens a wider float32
 * activation would pass 167.8 MB, above which ONNX Runtime Web makes the buffer anew at every run.
 */
const MAX_MLP_CHUNK = 6144;

/** Width of the equal chunks that an MLP's hidden layer is cut into. */
export function mlpChunkWidth(hidden: number): number {
  return hidden / Math.ceil(hidden / MAX_MLP_CHUNK);
}

/** How an MLP's hidden layer is cut: equal chunks, each with a suffix unless it is alone. */
export function mlpChunks(hidden: number): { suffix: string; width: number }[] {
  const width = mlpChunkWidth(hidden);
  if (width === hidden) return [{ suffix: '', width }];
  const count = hidden / width;
  if (!Number.isInteger(width)) throw new Error(`an MLP of ${hidden} cannot be cut into ${count} equal chunks`);
  return Array.from({ length: count }, (_, i) => ({ suffix: `.${i}`, width }));
}

/**
 * Pieces of the queries in the decoder's attention, computed one after another. Height and width of
 * latents are even, so the pixels are a multiple of 4. At 1024×1024 a piece's scores take 268 MB;
 * all together would take 1.07 GB.
 */
export const VAE_QUERY_CHUNKS = 4;
