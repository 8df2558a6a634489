import type { BufferCounts } from './buckets.ts';
import { hiddenSize, type T5Config, type TransformerConfig, type VaeConfig } from './config.ts';
import { latentGrid, tokenCount } from './geometry.ts';
import type { ImageSize } from './manifest.ts';

/*
 * Work buffers of each graph: the intermediate tensors that are alive together, where most are. Counts follow the graphs' equations and
 * were compared with the buffers that ONNX Runtime Web 1.30 makes for FLUX.1's blocks (plan.test.ts has the figures).
 */

const FLOAT = 4;

/** The widest piece of an MLP's hidden layer that the graphs compute at once. */
const MLP_CHUNK = 6144;
const MLP_RATIO = 4;

export interface WorkOptions {
  size: ImageSize;
  textTokens: number;
  /** Pictures of one batch: each has its own streams, the blocks run on one at a time. */
  n: number;
  /** Bytes of a number that goes into or comes out of a linear layer: 2 with `shader-f16`, else 4. */
  bytesPerActivation: 2 | 4;
}

/** The moments of the denoiser's blocks. */
export function denoiseWork(config: TransformerConfig, options: WorkOptions): BufferCounts[] {
  const { textTokens, n, bytesPerActivation } = options;
  const width = hiddenSize(config);
  const chunk = chunkWidth(MLP_RATIO * width);
  const image = tokenCount(options.size);
  const joint = textTokens + image;
  const stream = (tokens: number) => tokens * width * FLOAT;
  const activation = (tokens: number, features = width) => tokens * features * bytesPerActivation;
  // The states between blocks, of every picture of the batch.
  const doubleStates: BufferCounts = [
    [n, stream(image)],
    [n, stream(textTokens)],
  ];
  return [
    // Double block, attention: joint k and v and the kernel's copies of both; q and the result of the image; q of the text.
    [...doubleStates, [4, activation(joint)], [4, activation(image)], [3, activation(textTokens)]],
    // Double block, MLP: hidden layer before and after GELU, the normed input, the sum of the chunks, the new states.
    [
      ...doubleStates,
      [2, activation(image, chunk)],
      [2, activation(textTokens, chunk)],
      [4, activation(image)],
      [3, activation(textTokens)],
    ],
    // Single block, attention: normed, q, k, v, the kernel's copies of k and v, the result.
    [
      [n, stream(joint)],
      [7, activation(joint)],
    ],
    // Single block, MLP: hidden layer before and after GELU; normed, the attention's projection, the sum, the new state.
    [
      [n, stream(joint)],
      [2, activation(joint, chunk)],
      [5, activation(joint)],
    ],
  ];
}

/** Tensors of the denoiser that are uploaded once and stay: rope tables of image and joint tokens. */
export function denoiseTables(config: TransformerConfig, { size, textTokens }: WorkOptions): number {
  const image = tokenCount(size);
  return (2 * image + 2 * (textTokens + image)) * (config.attention_head_dim / 2) * FLOAT;
}

/** The moments of a T5 layer; CLIP's are smaller. */
export function textWork(config: T5Config, { textTokens, bytesPerActivation }: WorkOptions): BufferCounts[] {
  const stream = textTokens * config.d_model * FLOAT;
  const inner = textTokens * config.num_heads * config.d_kv * bytesPerActivation;
  const gate = textTokens * config.d_ff * bytesPerActivation;
  return [
    [
      [2, stream],
      [6, inner],
    ],
    [
      [3, stream],
      [3, gate],
    ],
  ];
}

/** T5's position bias [heads, S, S], which stays for all layers. */
export function textTables(config: T5Config, { textTokens }: WorkOptions): number {
  return config.num_heads * textTokens * textTokens * FLOAT;
}

/** The moments of the decoder, one list per stage; floats always, since halves overflow here. */
export function decodeWork(config: VaeConfig, size: ImageSize): BufferCounts[] {
  const channels = [...config.block_out_channels].reverse();
  const { height, width } = latentGrid(size);
  const pixels = height * width;
  const state = (count: number, level: number) => count * pixels * 4 ** level * FLOAT;
  const top = state(channels[0] as number, 0);
  const stages: BufferCounts[] = [[[4, top]]];
  if (config.mid_block_add_attention) {
    // Scores and their softmax; x, q, k, v, and k's transpose.
    stages.push([
      [2, attentionScores(size)],
      [5, top],
    ]);
  }
  for (const [level, count] of channels.entries()) {
    const input = state(channels[Math.max(0, level - 1)] as number, level);
    const own = state(count, level);
    // A residual block: what came in, normed, activated, convolved.
    stages.push([
      [1, input],
      [4, own],
    ]);
    if (level < channels.length - 1) {
      stages.push([
        [1, own],
        [2, state(count, level + 1)],
      ]);
    }
  }
  return stages;
}

/** Bytes of the decoder's mid attention, [h·w, h·w]. */
export function attentionScores(size: ImageSize): number {
  const { height, width } = latentGrid(size);
  return (height * width) ** 2 * FLOAT;
}

/** As the graph builder cuts an MLP's hidden layer: equal chunks. */
function chunkWidth(hidden: number): number {
  return hidden / Math.ceil(hidden / MLP_CHUNK);
}

/** The largest single buffer among some graphs' work buffers. */
export function largestBuffer(graphs: readonly BufferCounts[]): number {
  return Math.max(...graphs.flatMap((graph) => graph.map(([, bytes]) => bytes)));
}
