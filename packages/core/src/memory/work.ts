import type { ImageSize } from '../manifest/manifest.ts';
import { MLP_RATIO, mlpChunks } from '../model/chunks.ts';
import { hiddenSize, type T5Config, type TransformerConfig } from '../model/config.ts';
import { modulationParts } from '../model/parts.ts';
import { storedWidth } from '../model/weight-blocks.ts';
import { tokenCount } from '../picture/geometry.ts';
import type { BufferCounts } from './buckets.ts';

/*
 * Work buffers of each graph: the intermediate tensors that are alive together, where most are. Counts follow the graphs' equations and
 * were compared with the buffers that ONNX Runtime Web 1.30 makes for FLUX.1's blocks (plan.test.ts has the figures).
 */

const FLOAT = 4;
const HALF = 2;

export interface WorkOptions {
  size: ImageSize;
  textTokens: number;
  /** Pictures of one batch: each has its own streams, the blocks run on one at a time. */
  n: number;
  /** Blocks and T5 run in half precision. */
  f16: boolean;
  /** The input of a linear layer is copied, with the sums of its blocks behind it. Default false. */
  blockSums?: boolean;
}

/** Bytes of a linear layer's input with the sums of its blocks behind it. */
function widened(tokens: number, features: number, bytes: number): number {
  return tokens * storedWidth(features, 'q4m') * bytes;
}

/** The moments of the denoiser's blocks. */
export function denoiseWork(config: TransformerConfig, options: WorkOptions): BufferCounts[] {
  const { textTokens, n, f16, blockSums = false } = options;
  const width = hiddenSize(config);
  const chunk = (mlpChunks(MLP_RATIO * width)[0] as { width: number }).width;
  const image = tokenCount(options.size);
  const joint = textTokens + image;
  const bytes = f16 ? HALF : FLOAT;
  const stream = (tokens: number) => tokens * width * FLOAT;
  const activation = (tokens: number, features = width) => tokens * features * bytes;
  // The states between blocks, of every picture of the batch.
  const doubleStates: BufferCounts = [
    [n, stream(image)],
    [n, stream(textTokens)],
  ];
  // What linear layers read of the normed input: its copy with the sums, where there are any, takes its place.
  const read = (tokens: number): BufferCounts => [[1, blockSums ? widened(tokens, width, bytes) : activation(tokens)]];
  // Of an MLP's chunk: the hidden layer before and after GELU, and the copy of the latter with the sums.
  const hidden = (tokens: number): BufferCounts => [
    [2, activation(tokens, chunk)],
    ...(blockSums ? [[1, widened(tokens, chunk, bytes)] as const] : []),
  ];
  if (f16) {
    return [
      // Double block, attention: joint k and v and the kernel's copies of both; what is read, q and the result, of the image and of the text.
      [
        ...doubleStates,
        [4, activation(joint)],
        ...read(image),
        [2, activation(image)],
        ...read(textTokens),
        [2, activation(textTokens)],
      ],
      // Double block, MLP: what becomes of a chunk's result on its way to the float32 stream.
      [
        ...doubleStates,
        ...hidden(image),
        ...hidden(textTokens),
        ...read(image),
        ...read(textTokens),
        [3, stream(image)],
        [5, stream(textTokens)],
      ],
      // Single block, attention: q, k, v, the kernel's copies of k and v, the result; with sums, the result's copy.
      [[n, stream(joint)], [6, activation(joint)], ...(blockSums ? read(joint) : [])],
      // Single block, MLP: what is read; the attention's projection, a chunk's result before and after it is scaled.
      [[n, stream(joint)], ...hidden(joint), ...read(joint), [3, stream(joint)], [1, activation(joint)]],
    ];
  }
  return [
    // Double block, attention: joint k and v and the kernel's copies of both; what is read, q and the result of the image; the text's, whose MLP
    // comes first, and its embeddings.
    [
      ...doubleStates,
      [4, activation(joint)],
      ...read(image),
      [2, activation(image)],
      ...read(textTokens),
      [5, activation(textTokens)],
    ],
    // Double block, MLP: what is read, the sum of the chunks, the new state.
    [...doubleStates, ...hidden(image), ...hidden(textTokens), ...read(image), [2, activation(image)]],
    // Single block, attention: what is read, q, k, v, the kernel's copies of k and v, the result.
    [[n, stream(joint)], ...read(joint), [6, activation(joint)]],
    // Single block, MLP: what is read, the attention's projection, the sum, the new state.
    [[n, stream(joint)], ...hidden(joint), ...read(joint), [4, activation(joint)]],
  ];
}

/** Tensors of the denoiser that are uploaded once and stay: rope tables of image and joint tokens. */
export function denoiseTables(config: TransformerConfig, { size, textTokens }: WorkOptions): number {
  const image = tokenCount(size);
  return (2 * image + 2 * (textTokens + image)) * (config.attention_head_dim / 2) * FLOAT;
}

/** The moments of a T5 layer; CLIP's are smaller. */
export function textWork(config: T5Config, options: WorkOptions): BufferCounts[] {
  const { textTokens, f16, blockSums = false } = options;
  const stream = textTokens * config.d_model * FLOAT;
  const inner = textTokens * config.num_heads * config.d_kv * FLOAT;
  const gate = textTokens * config.d_ff * FLOAT;
  // In half precision: the normed input and a linear's result, before it is float32 again.
  const halved = (bytes: number): BufferCounts => (f16 ? [[1, (bytes * HALF) / FLOAT]] : []);
  const sums: BufferCounts = blockSums ? [[1, widened(textTokens, config.d_model, f16 ? HALF : FLOAT)]] : [];
  return [
    [[2, stream], [6, inner], ...halved(stream), ...halved(inner), ...sums],
    [[3, stream], [3, gate], ...halved(stream), ...halved(gate), ...sums],
  ];
}

/** The moments of the modulation, which is read back part by part. Rows of the tables, one per step, are small beside any other phase. */
export function modulationWork(config: TransformerConfig, steps: number): BufferCounts[] {
  const vectorCounts = [...new Set(modulationParts(config).map(({ vectors }) => vectors))];
  const vectors = (count: number) => steps * count * hiddenSize(config) * FLOAT;
  return [
    // Embeddings of timestep and guidance before and after SiLU.
    [[4, vectors(1)]],
    // A part's result and its copy for the CPU: of double blocks, single blocks, the last layer.
    ...vectorCounts.map(
      (count): BufferCounts => [
        [1, vectors(1)],
        [2, vectors(count)],
      ],
    ),
  ];
}

/** T5's position bias [heads, S, S], which stays for all layers. */
export function textTables(config: T5Config, { textTokens }: WorkOptions): number {
  return config.num_heads * textTokens * textTokens * FLOAT;
}

/** The largest single buffer among some graphs' work buffers. */
export function largestBuffer(graphs: readonly BufferCounts[]): number {
  return Math.max(...graphs.flatMap((graph) => graph.map(([, bytes]) => bytes)));
}
