import { parseSize, tokenCount } from '@flux-srpo/core';
import { type Backend, type Bundle, createPipeline, createWebGpuBackend, openBundle } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';
import { PROMPT, SEED } from '../support/generation.ts';
import { PROFILED_STEPS, profileKernels } from '../support/kernel-profile.ts';
import { median } from '../support/median.ts';
import { profileLines } from '../support/profile-lines.ts';
import { stepFlops } from '../support/step-flops.ts';
import type { ModelQuestion, Tell } from './questions.ts';
import { timeBlocks } from './time-blocks.ts';

/** The first step compiles shaders. */
const STEPS = { least: 2, most: 4 };

/** Seconds of a picture beside its steps are not known before the first one. */
const GUESSED_REST_SECONDS = 20;

/** Least times are said for it, as in SPEED.md's census. */
const MACHINE = { teraflops: 100, gigabytes: 1000 };

/** Times blocks, where weights are resident, and whole pictures, as far as time goes. */
export async function answerModel(question: ModelQuestion, tell: Tell): Promise<void> {
  const { ask: _, bundle: folder, sizes, secondsLeft, textTokens, budget, isProfiled = false, ...about } = question;
  const { precision, highestRung, weights } = question;
  const deadline = performance.now() / 1000 + secondsLeft;
  const bundle = await openBundle(folderBundle(folder));
  const profile = isProfiled ? profileKernels() : undefined;
  const backend = await createWebGpuBackend({
    precision,
    selfTest: false,
    ...(highestRung === undefined ? {} : { highestRung }),
  });
  const note: Tell = ({ what, ...line }) => tell({ what, ...about, textTokens, ...line });

  const { num_layers, num_single_layers } = bundle.manifest.config.transformer;
  /** Seconds of a step, from its blocks. */
  const expected = new Map<string, number>();
  if (weights === 'resident') {
    await timeBlocks(backend, bundle, sizes, textTokens, (line) => {
      note(line);
      const { size, kind, seconds } = line as unknown as { size: string; kind: string; seconds: number };
      const count = kind === 'double' ? num_layers : num_single_layers;
      expected.set(size, (expected.get(size) ?? 0) + count * seconds);
    });
  }

  const memoryBudget = weights === 'resident' ? budget : await streamingBudget(backend, bundle, question);
  const pipeline = await createPipeline({ bundle, backend, memoryBudget });
  let rest = GUESSED_REST_SECONDS;
  for (const size of sizes) {
    const left = deadline - performance.now() / 1000 - rest;
    const steps = Math.min(STEPS.most, Math.floor(left / (expected.get(size) ?? 1)));
    if (steps < STEPS.least) {
      note({ what: 'left-out', size, why: `no time: ${Math.max(0, Math.round(left))} s for steps` });
      continue;
    }
    backend.ledger.resetPeaks();
    let areFinite = true;
    const { timings, plan, memory } = await pipeline.generate(
      { prompt: PROMPT, size: parseSize(size), steps, seed: SEED, maxSequenceLength: textTokens },
      {
        onTensor: (_name, _shape, data) => {
          areFinite &&= data.every(Number.isFinite);
        },
      },
    );
    const seconds = median(timings.steps.slice(1)) / 1000;
    const tokens = tokenCount(parseSize(size)) + textTokens;
    rest = (timings.total - timings.denoise + timings.steps[0]!) / 1000;
    note({
      what: 'step',
      size,
      tokens,
      seconds,
      teraflops: stepFlops(bundle.manifest.config.transformer, tokens) / seconds / 1e12,
      steps,
      mode: plan.keep ? 'keep' : plan.phases.denoise.mode,
      readPerStep: plan.readPerStep,
      planned: plan.peak,
      // Where all is kept, work buffers of earlier sizes are still there.
      counted: plan.keep && size !== sizes[0] ? undefined : memory.peakBytes,
      areFinite,
      timings,
    });
  }
  const size = sizes[0]!;
  const seconds = PROFILED_STEPS * (expected.get(size) ?? 1) + rest;
  if (profile !== undefined && deadline - performance.now() / 1000 > seconds) {
    await pipeline.generate(
      { prompt: PROMPT, size: parseSize(size), steps: PROFILED_STEPS, seed: SEED, maxSequenceLength: textTokens },
      { onTensor: profile.onTensor },
    );
    const more = { size: parseSize(size), textTokens, precision, machine: MACHINE };
    for (const line of await profileLines(bundle, await profile.times(), more)) note({ size, ...line });
  }
  await pipeline.dispose();
}

/** The largest budget, in hundredths of what resident weights take, that makes them stream. */
async function streamingBudget(
  backend: Backend,
  bundle: Bundle,
  { sizes, textTokens, budget }: ModelQuestion,
): Promise<number> {
  const request = {
    prompt: PROMPT,
    size: parseSize(sizes[0]!),
    steps: STEPS.most,
    maxSequenceLength: textTokens,
  };
  const planner = async (memoryBudget: number) =>
    (await createPipeline({ bundle, backend, memoryBudget })).plan(request);
  const { bytes } = (await planner(budget)).phases.denoise;
  for (let hundredths = 99; hundredths > 0; hundredths--) {
    const plan = await planner((bytes * hundredths) / 100);
    if (plan.phases.denoise.mode === 'streamed' && plan.refusals.length === 0) return (bytes * hundredths) / 100;
  }
  throw new Error('no budget makes the weights stream');
}
