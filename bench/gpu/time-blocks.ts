import { hiddenSize, PARTS, type Precision, parseSize, ropeTables, tokenGrid } from '@flux-srpo/core';
import {
  type Backend,
  type Bundle,
  type DeviceTensor,
  type HostTensor,
  loadPart,
  type Stage,
} from '@flux-srpo/runtime';
import { blockFlops } from '../support/step-flops.ts';
import type { Tell } from './questions.ts';

/** Runs that are timed: enough for half a second, within these. */
const RUNS = { least: 2, most: 20, seconds: 0.5 };

/** Numbers of a block's output that are told, for comparison with other kernels. */
const SAMPLES = 256;

type Feeds = Record<string, HostTensor | DeviceTensor>;

/** Times one double and one single block, each run on its own output. */
export async function timeBlocks(
  backend: Backend,
  bundle: Bundle,
  sizes: readonly string[],
  textTokens: number,
  tell: Tell,
): Promise<void> {
  const { transformer } = bundle.manifest.config;
  const width = hiddenSize(transformer);
  const stage = await backend.openStage('blocks');
  try {
    for (const size of sizes) {
      const grid = tokenGrid(parseSize(size));
      const imageTokens = grid.height * grid.width;
      const tokens = textTokens + imageTokens;
      for (const kind of ['double', 'single'] as const) {
        const rope = ropeTables(grid, transformer.axes_dims_rope, kind === 'single' ? { textTokens } : {});
        const ropeDims = [1, kind === 'single' ? tokens : imageTokens, transformer.attention_head_dim / 2];
        const ropes = { rope_cos: host(ropeDims, rope.cos), rope_sin: host(ropeDims, rope.sin) };
        const feeds: Feeds =
          kind === 'double'
            ? {
                img: noise(1, imageTokens, width),
                txt: noise(1, textTokens, width),
                img_mod: noise(6 * width),
                txt_mod: noise(6 * width),
                ...ropes,
              }
            : { hidden: noise(1, tokens, width), mod: noise(3 * width), ...ropes };
        const part = kind === 'double' ? PARTS.doubleBlock(0) : PARTS.singleBlock(0);
        const timed = await timePart(stage, bundle, part, backend.info.precision, feeds);
        const teraflops = blockFlops(transformer, tokens) / timed.seconds / 1e12;
        tell({ what: 'block', kind, size, tokens, teraflops, ...timed });
      }
    }
  } finally {
    await stage.close();
  }
}

async function timePart(
  stage: Stage,
  bundle: Bundle,
  { name, graph }: { name: string; graph: string },
  precision: Precision,
  hostFeeds: Feeds,
): Promise<{ seconds: number; runs: number; sample: number[] }> {
  const session = await stage.session(graph, () => bundle.graph(graph, precision));
  const weights = await loadPart(stage, bundle, name, session.inputs);
  // What a run gives, the next one takes: `img_out` as `img`.
  const own = new Map<string, DeviceTensor>();
  const runOnce = async (): Promise<void> => {
    const outputs = await stage.run(session, { ...hostFeeds, ...weights.feeds, ...Object.fromEntries(own) });
    for (const [output, tensor] of Object.entries(outputs)) {
      const input = output.replace(/_out$/, '');
      own.get(input)?.dispose();
      own.set(input, tensor);
    }
  };
  const read = () => stage.read([...own.values()][0]!);
  /** Seconds until so many runs are over. Reading waits for them. */
  const time = async (runs: number): Promise<number> => {
    const started = performance.now();
    for (let i = 0; i < runs; i++) await runOnce();
    await read();
    return (performance.now() - started) / 1000;
  };
  try {
    await runOnce();
    const values = await read();
    const sample = Array.from({ length: SAMPLES }, (_, i) => values[Math.floor((i * values.length) / SAMPLES)]!);
    const reading = Math.min(await time(0), await time(0));
    const runs = Math.max(RUNS.least, Math.min(RUNS.most, Math.round(RUNS.seconds / (await time(1)))));
    return { seconds: ((await time(runs)) - reading) / runs, runs, sample };
  } finally {
    for (const tensor of own.values()) tensor.dispose();
    weights.dispose();
  }
}

function host(dims: readonly number[], data: Float32Array): HostTensor {
  return { dtype: 'float32', dims, data };
}

/** The same numbers everywhere, in [−1, 1): a linear congruential generator's. */
function noise(...dims: number[]): HostTensor {
  let state = 7;
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
  return host(dims, data);
}
