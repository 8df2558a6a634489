import { MLP_RATIO, mlpChunkWidth } from '../model/chunks.ts';
import { hiddenSize, type TransformerConfig } from '../model/config.ts';
import { storedWidth } from '../model/weight-blocks.ts';
import { tokenCount } from '../picture/geometry.ts';
import type { BufferCounts } from './buffer-buckets.ts';
import { FLOAT_BYTES, HALF_BYTES, type WorkOptions } from './work-options.ts';

/**
 * Work buffers of the denoiser when most are alive: in attention and MLP of a double and a single
 * block. Counts follow the graphs' equations; plan.test.ts compares them with the buffers
 * that ONNX Runtime Web 1.30 makes for FLUX.1.
 */
export function denoiseMoments(config: TransformerConfig, options: WorkOptions): BufferCounts[] {
  const { textTokens, n, f16, offsets } = options;
  const isCopied = offsets === 'q4m';
  const isAdded = offsets === 'q4k';
  const width = hiddenSize(config);
  const chunk = mlpChunkWidth(MLP_RATIO * width);
  const image = tokenCount(options.size);
  const joint = textTokens + image;
  const bytes = f16 ? HALF_BYTES : FLOAT_BYTES;
  // Streams are always float32; activations are halves in half precision.
  const stream = (tokens: number) => tokens * width * FLOAT_BYTES;
  const activation = (tokens: number, features = width) => tokens * features * bytes;
  const withSums = (tokens: number, features = width) => activation(tokens, storedWidth(features, 'q4m'));
  // The streams between blocks, of every picture of the batch.
  const doubleStreams: BufferCounts = [
    [n, stream(image)],
    [n, stream(textTokens)],
  ];
  const singleStream: BufferCounts = [[n, stream(joint)]];
  // What linear layers read: the normed input, or its copy with block sums where needed.
  const read = (tokens: number): BufferCounts => [[1, isCopied ? withSums(tokens) : activation(tokens)]];
  // An MLP's chunk: the hidden layer before and after GELU, and where needed the copy with the
  // sums, or the product that is added.
  const hidden = (tokens: number, products = isAdded ? 1 : 0): BufferCounts => [
    [2, activation(tokens, chunk)],
    ...(isCopied ? [[1, withSums(tokens, chunk)] as const] : []),
    [products, activation(tokens, chunk)],
  ];
  // Where offsets are added: results before that, and the products.
  const added = (count: number, tokens: number): BufferCounts => [[isAdded ? count : 0, activation(tokens)]];
  const doubleMlp = [...doubleStreams, ...hidden(image), ...hidden(textTokens), ...read(image)];
  // In half precision, a chunk's product has gone when its float32 results are made.
  const singleMlp = [...singleStream, ...hidden(joint, f16 ? 0 : undefined), ...read(joint)];
  // The attention kernel copies k and v. In a double block they are joint; q and the result are the
  // image's and the text's.
  const doubleAttention: BufferCounts = [
    ...doubleStreams,
    [4, activation(joint)],
    ...read(image),
    [2, activation(image)],
    ...read(textTokens),
  ];
  // In a single block: q, k, v, the copies of k and v, and the result.
  const singleAttention: BufferCounts = [...singleStream, [6, activation(joint)]];
  // In halves as bundles of before 2026-11-28 compute, whose branches become float32 product by
  // product. Later ones take less: the plan is up to 0.7 % above what is counted, 3 % streamed.
  if (f16) {
    return [
      [...doubleAttention, [2, activation(textTokens)], ...added(2, image), ...added(2, textTokens)],
      // A chunk's result on its way to the float32 stream.
      [...doubleMlp, ...read(textTokens), [3, stream(image)], [5, stream(textTokens)], ...added(4, image)],
      // The attention's result is copied with its sums.
      [...singleAttention, ...(isCopied ? read(joint) : [])],
      // The attention's projection; a chunk's result before and after it is scaled.
      [...singleMlp, [3, stream(joint)], [1, activation(joint)]],
    ];
  }
  return [
    // The text's MLP runs first, beside the attention's buffers and the text's own stream.
    [...doubleAttention, [5, activation(textTokens)], ...added(2, image), ...added(1, textTokens)],
    // The sum of the chunks, and the new stream.
    [...doubleMlp, [2, activation(image)], ...added(2, image)],
    [...singleAttention, ...read(joint)],
    // The attention's projection, the sum of the chunks, and the new stream.
    [...singleMlp, [4, activation(joint)]],
  ];
}

/** Bytes of the rope tables: cosines and sines of image and all tokens. They stay. */
export function denoiseTables(config: TransformerConfig, { size, textTokens }: WorkOptions): number {
  const image = tokenCount(size);
  return (2 * image + 2 * (textTokens + image)) * (config.attention_head_dim / 2) * FLOAT_BYTES;
}
