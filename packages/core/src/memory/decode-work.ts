import { VAE_QUERY_CHUNKS } from '../model/chunks.ts';
import { decoderChannels, type VaeConfig } from '../model/config.ts';
import type { Grid } from '../picture/geometry.ts';
import { BufferPool } from './buffer-pool.ts';
import { FLOAT_BYTES, type Work } from './work-options.ts';

const RGB = 3;

/** Feature maps between two operators: `channels` of `pixels` each. */
interface State {
  channels: number;
  pixels: number;
}

/**
 * Work buffers of the decoder. They are found by playing its graphs operator by operator, because
 * which buffers are alive together depends on when the runtime frees them. Always float32: the
 * decoder's activations overflow halves.
 * @param grids latents of what is decoded one after another: the whole picture, or its tiles
 */
export function decodeWork(config: VaeConfig, grids: readonly Grid[]): Work {
  const pool = new BufferPool();
  const player = new Player(pool);
  const channels = decoderChannels(config);
  const top = channels[0] as number;
  for (const { height, width } of grids) {
    // vae_in
    let pixels = height * width;
    let hidden: State = { channels: top, pixels };
    player.run(size({ channels: config.latent_channels, pixels }), (input) => {
      let x = player.convolution(input, config.latent_channels, hidden, 3, true);
      x = player.residual(x, hidden, top);
      if (config.mid_block_add_attention) x = player.attention(x, hidden);
      return player.residual(x, hidden, top);
    });
    // vae_up.i
    for (const [level, count] of channels.entries()) {
      const isLast = level === channels.length - 1;
      player.run(size(hidden), (input) => {
        let x = input;
        for (let j = 0; j <= config.layers_per_block; j++) {
          x = player.residual(x, hidden, count, j === 0);
          hidden = { channels: count, pixels };
        }
        if (isLast) return x;
        pixels *= 4;
        hidden = { channels: count, pixels };
        const resized = pool.operator(size(hidden), [x]);
        return player.convolution(resized, count, hidden);
      });
    }
    // vae_out, then the copy on the way to the CPU
    player.run(size(hidden), (input) => {
      const activated = player.activatedNorm(input, true);
      return player.convolution(activated, hidden.channels, { channels: RGB, pixels });
    });
    player.readBack(size({ channels: RGB, pixels }));
  }
  return { bytes: pool.peak, largest: pool.largest };
}

function size({ channels, pixels }: State): number {
  return channels * pixels * FLOAT_BYTES;
}

/** Plays the operators of the decoder's graphs. A buffer is known by its size alone. */
class Player {
  readonly #pool: BufferPool;
  /** Size of the buffer that the last graph gave; 0 before the first. */
  #state = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Runs one graph. Its input is freed after the run, and destroyed with the next submit. */
  run(input: number, graph: (input: number) => number): void {
    if (this.#state === 0) this.#pool.take(input);
    this.#state = graph(input);
    this.#pool.submit();
    this.#pool.free(input);
  }

  readBack(bytes: number): void {
    this.#pool.take(bytes);
    this.#pool.free(bytes);
    this.#pool.free(this.#state);
    this.#pool.submit();
    this.#state = 0;
  }

  /** Norm, scale, bias and SiLU. `isKept`: `x` is read again later. */
  activatedNorm(x: number, isKept: boolean): number {
    const normed = this.#pool.operator(x, isKept ? [] : [x], 2);
    const scaled = this.#pool.operator(x, [normed]);
    const shifted = this.#pool.operator(x, [scaled]);
    return this.#pool.operator(x, [shifted]);
  }

  /** The kernel is transposed first, into a buffer. `isKept`: `x` is read again later. */
  convolution(x: number, channelsIn: number, out: State, kernel = 3, isKept = false): number {
    const turned = this.#pool.operator(channelsIn * out.channels * kernel ** 2 * FLOAT_BYTES);
    return this.#pool.operator(size(out), isKept ? [turned] : [turned, x]);
  }

  residual(x: number, from: State, channels: number, isKept = false): number {
    const to = { channels, pixels: from.pixels };
    const first = this.convolution(this.activatedNorm(x, true), from.channels, to);
    const second = this.convolution(this.activatedNorm(first, false), channels, to);
    if (from.channels === channels) return this.#pool.operator(size(to), isKept ? [second] : [second, x]);
    const skip = this.convolution(x, from.channels, to, 1, isKept);
    return this.#pool.operator(size(to), [second, skip]);
  }

  attention(x: number, { pixels }: State): number {
    const pool = this.#pool;
    const normed = pool.operator(x, [], 2);
    const scaled = pool.operator(x, [normed]);
    const tokens = pool.operator(x, [pool.operator(x, [scaled])]);
    const linear = () => pool.operator(x, [pool.operator(x)]);
    const k = pool.operator(x, [linear()]);
    const v = linear();
    const q = pool.operator(x, [linear(), tokens]);
    const piece = x / VAE_QUERY_CHUNKS;
    const pieces = Array.from({ length: VAE_QUERY_CHUNKS }, () => pool.take(piece));
    pool.free(q);
    const attended = pieces.map((queries) => {
      const scores = pool.operator((pixels * pixels * FLOAT_BYTES) / VAE_QUERY_CHUNKS, [queries]);
      const weights = pool.operator(scores, [scores]);
      return pool.operator(piece, [weights]);
    });
    pool.free(k);
    pool.free(v);
    const joined = pool.operator(x, attended);
    const mixed = pool.operator(x, [pool.operator(x, [joined])]);
    return pool.operator(x, [pool.operator(x, [mixed]), x]);
  }
}
