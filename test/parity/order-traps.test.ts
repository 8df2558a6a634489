import { sinusoidalEmbedding } from '@flux-srpo/core';
import { type Backend, createPipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { type ExpectedTensor, type PipelineFixture, readExpected, readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, compareStages, failures, type StageReport } from '../support/parity-case.ts';
import { synthesizeFolder, type Tamper } from '../support/synthesize.ts';
import {
  type BackendHooks,
  type Feeds,
  hookBackend,
  reorderColumns,
  setAttribute,
  swapRowBlocks,
  swapTensors,
} from './support/tamper.ts';

/*
 * The parity tests are worth something only if mistakes make them fail. Here each classic mistake
 * of a FLUX port is planted, in the weights or between the engine and the runtime, and the
 * comparison must see it.
 */

/**
 * The least factor by which a wrong order must exceed the tolerance: it is wrong by whole numbers,
 * not by rounding.
 */
const CLEAR = 1000;
/**
 * tanh and erf GELU are at most 5e-4 apart. The fixtures' weights were made so that this still
 * exceeds the tolerance.
 */
const FAINT = 2;

interface Trap {
  mistake: string;
  /** First stage that must fail. */
  stage: string;
  factor: number;
  weights?: Tamper;
  hooks?: BackendHooks;
}

const transformer =
  (change: Tamper): Tamper =>
  (component, tensors) => {
    if (component === 'transformer') change(component, tensors);
  };

/** Changes the inputs of one graph. */
const feeding = (graph: string, change: (feeds: Feeds) => Feeds): BackendHooks => ({
  run: (session, feeds, run) => run(session.graph === graph ? change(feeds) : feeds),
});

const FIRST_STEP = 'latents_001';
const LAST_STEP = 'latents_003';
const DOUBLE = 'transformer_blocks.0';
const SINGLE = 'single_transformer_blocks.0';

const TRAPS: Trap[] = [
  {
    mistake: 'image before text in the joined sequence',
    stage: FIRST_STEP,
    factor: CLEAR,
    hooks: {
      graph: (name, graph) => {
        if (name === 'join_streams') graph.node.find(({ opType }) => opType === 'Concat')!.input.reverse();
      },
    },
  },
  {
    mistake: 'image before text for the values of a double block, keys in order',
    stage: FIRST_STEP,
    factor: CLEAR,
    hooks: {
      graph: (name, graph) => {
        if (name === 'double_block') graph.node.filter(({ opType }) => opType === 'Concat')[1]!.input.reverse();
      },
    },
  },
  ...[
    ['shift and scale of a double block swapped', `${DOUBLE}.norm1.linear`, 6, 0, 1],
    ['scale and gate of a double block swapped', `${DOUBLE}.norm1.linear`, 6, 1, 2],
    ['the two branches of a double block swapped', `${DOUBLE}.norm1_context.linear`, 6, 0, 3],
    ['shift and scale of a single block swapped', `${SINGLE}.norm.linear`, 3, 0, 1],
    ['shift and scale of the final layer not swapped between the layouts', 'norm_out.linear', 2, 0, 1],
  ].map(([mistake, name, blocks, a, b]) => ({
    mistake: mistake as string,
    stage: FIRST_STEP,
    factor: CLEAR,
    weights: transformer((_, tensors) => {
      for (const kind of ['weight', 'bias']) {
        swapRowBlocks(tensors, `${name}.${kind}`, blocks as number, a as number, b as number);
      }
    }),
  })),
  {
    mistake: 'features of a token as (c, pw, ph)',
    stage: FIRST_STEP,
    factor: CLEAR,
    weights: transformer((_, tensors) =>
      reorderColumns(tensors, 'x_embedder.weight', (i) => i - (i % 4) + [0, 2, 1, 3][i % 4]!),
    ),
  },
  {
    mistake: 'features of a token as (ph, pw, c)',
    stage: FIRST_STEP,
    factor: CLEAR,
    weights: transformer((_, tensors) =>
      reorderColumns(tensors, 'x_embedder.weight', (i) => (i % 16) * 4 + Math.floor(i / 16)),
    ),
  },
  ...[
    ['q and k of the image swapped', `${DOUBLE}.attn.to_q`, `${DOUBLE}.attn.to_k`],
    ['k and v of the text swapped', `${DOUBLE}.attn.add_k_proj`, `${DOUBLE}.attn.add_v_proj`],
    ['q of image and text swapped', `${DOUBLE}.attn.to_q`, `${DOUBLE}.attn.add_q_proj`],
    ['q and v of a single block swapped', `${SINGLE}.attn.to_q`, `${SINGLE}.attn.to_v`],
    ['the MLPs of image and text swapped', `${DOUBLE}.ff.net.0.proj`, `${DOUBLE}.ff_context.net.0.proj`],
  ].map(([mistake, a, b]) => ({
    mistake: mistake!,
    stage: FIRST_STEP,
    factor: CLEAR,
    weights: transformer((_, tensors) => swapTensors(tensors, `${a}.weight`, `${b}.weight`)),
  })),
  {
    mistake: 'the norms of q of image and text swapped',
    stage: FIRST_STEP,
    factor: CLEAR,
    weights: transformer((_, tensors) =>
      swapTensors(tensors, `${DOUBLE}.attn.norm_q.weight`, `${DOUBLE}.attn.norm_added_q.weight`),
    ),
  },
  {
    mistake: 'MLP before attention in the input of a single block projection',
    stage: FIRST_STEP,
    factor: CLEAR,
    weights: transformer((_, tensors) =>
      reorderColumns(tensors, `${SINGLE}.proj_out.weight`, (i) => (i + 4 * 96) % (5 * 96)),
    ),
  },
  ...['double_block', 'single_block', 't5_layer'].map((target) => ({
    mistake: `erf GELU for tanh GELU in ${target}`,
    stage: target === 't5_layer' ? 'prompt_embeds' : LAST_STEP,
    factor: FAINT,
    hooks: {
      graph: (name: string, graph: Parameters<typeof setAttribute>[0]) => {
        if (name === target) setAttribute(graph, 'Gelu', 'approximate', 'none');
      },
    },
  })),
  ...['double_block', 'single_block'].map((target) => ({
    mistake: `rotary pairs (k, k + D/2) for (2k, 2k + 1) in ${target}`,
    stage: FIRST_STEP,
    factor: CLEAR,
    hooks: {
      graph: (name: string, graph: Parameters<typeof setAttribute>[0]) => {
        if (name === target) setAttribute(graph, 'RotaryEmbedding', 'interleaved', 0n);
      },
    },
  })),
  {
    mistake: 'sines and cosines of the rotation swapped',
    stage: FIRST_STEP,
    factor: CLEAR,
    hooks: feeding('single_block', (feeds) => ({ ...feeds, rope_cos: feeds.rope_sin!, rope_sin: feeds.rope_cos! })),
  },
  ...[
    ['timesteps multiplied by 1000 twice', 1000],
    ['timesteps not multiplied by 1000', 1 / 1000],
  ].map(([mistake, factor]) => ({
    mistake: mistake as string,
    stage: FIRST_STEP,
    factor: CLEAR,
    // The sigmas of case "short" after the shift are 1, 0.75…; a wrong first one makes every step
    // wrong.
    hooks: feeding('conditioning', (feeds) => {
      const { dtype, dims } = feeds.timestep_proj!;
      const sigmas = Array.from({ length: dims[0]! }, () => factor as number);
      return { ...feeds, timestep_proj: { dtype, dims, data: sinusoidalEmbedding(sigmas) } };
    }),
  })),
  {
    mistake: 'guidance left out',
    stage: FIRST_STEP,
    factor: CLEAR,
    hooks: feeding('conditioning', (feeds) => {
      const { dtype, dims } = feeds.guidance_proj!;
      return { ...feeds, guidance_proj: { dtype, dims, data: sinusoidalEmbedding(new Array(dims[0]!).fill(0)) } };
    }),
  },
  {
    mistake: 'QuickGELU missing in CLIP',
    stage: 'pooled_prompt_embeds',
    factor: 50,
    hooks: {
      graph: (name, graph) => {
        if (name !== 'clip_layer') return;
        const node = graph.node.find(({ opType }) => opType === 'QuickGelu')!;
        node.opType = 'Gelu';
        node.domain = '';
        node.attribute = [];
      },
    },
  },
  {
    mistake: 'CLIP sees later tokens',
    stage: 'pooled_prompt_embeds',
    factor: CLEAR,
    hooks: feeding('clip_layer', (feeds) => {
      const { dtype, dims } = feeds.causal_mask!;
      return { ...feeds, causal_mask: { dtype, dims, data: new Float32Array(dims[2]! * dims[3]!) } };
    }),
  },
  {
    mistake: "T5's buckets of the two directions swapped",
    stage: 'prompt_embeds',
    factor: CLEAR,
    weights: (component, tensors) => {
      const name = 'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight';
      if (component === 'text_encoder_2') swapRowBlocks(tensors, name, 2, 0, 1);
    },
  },
];

describe('a planted mistake fails the comparison', () => {
  let fixture: PipelineFixture;
  let expected: Map<string, ExpectedTensor>;
  let untouched: BundleFolder;
  const convert = async (weights?: Tamper) =>
    convertInMemory(await synthesizeFolder(readNodeFixture, fixture, weights), { dtype: 'f32' });
  beforeAll(async () => {
    fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
    expected = await readExpected(readNodeFixture, 'a-3x32', 'short');
    untouched = await convert();
  });

  async function run({ weights, hooks }: Pick<Trap, 'weights' | 'hooks'>): Promise<StageReport[]> {
    const files = weights ? await convert(weights) : untouched;
    const node: Backend = await createNodeBackend({ threads: 1 });
    const backend = hooks ? hookBackend(node, hooks) : node;
    const pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
    try {
      return compareStages(await captureCase(pipeline, fixture.cases[0]!), expected);
    } finally {
      await pipeline.dispose();
    }
  }

  it('but the same run without a mistake passes, hooks and all', async () => {
    expect(failures(await run({ hooks: { graph: () => {} } }))).toEqual([]);
  });

  it.each(TRAPS.map((trap) => [trap.mistake, trap] as const))('%s', async (_, trap) => {
    const reports = await run(trap);
    const report = reports.find(({ stage }) => stage === trap.stage)!;
    expect(report.worst, report.text).toBeGreaterThan(trap.factor);
  });
});
