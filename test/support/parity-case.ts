import { loadTokenizers, type Pipeline } from '@flux-srpo/runtime';
import { type Closeness, closeness, describeCloseness, type Tolerance } from './allclose.ts';
import type { ExpectedTensor, ParityCase } from './fixture.ts';

/** How far one stage may differ. */
export interface StageTolerances {
  /** Embeddings, every step's latents, the decoded picture. */
  floats: Tolerance;
  /** Bytes of the picture. */
  pixels: Tolerance;
}

/**
 * fp32 against fp32: only the order of sums differs, about 1e-6 here. 1e-4 leaves room for other
 * kernels.
 */
export const FP32: StageTolerances = { floats: { atol: 1e-4, rtol: 1e-4 }, pixels: { atol: 1, rtol: 0 } };

const EXACT: Tolerance = { atol: 0, rtol: 0 };
const ONE_ULP: Tolerance = { atol: 0, rtol: 2 ** -23 };

export interface StageReport extends Closeness {
  stage: string;
  passed: boolean;
  /** One line of text with maximum and mean error. */
  text: string;
}

/** The numbers of one generation, by stage. */
export type Stages = Map<string, ArrayLike<number>>;

/**
 * Runs one case through a pipeline on any backend and records every stage under the fixtures'
 * names.
 */
export async function captureCase(pipeline: Pipeline, request: ParityCase): Promise<Stages> {
  const stages: Stages = new Map();
  const { clip, t5 } = await loadTokenizers(pipeline.bundle);
  const clipLength = pipeline.bundle.manifest.tokenizers.tokenizer.max_length;
  stages.set('clip_ids', clip.tokenize(request.prompt, clipLength).ids);
  stages.set('t5_ids', t5.tokenize(request.prompt, request.max_sequence_length).ids);
  const { images, skippedSteps } = await pipeline.generate(
    {
      prompt: request.prompt,
      size: { width: request.width, height: request.height },
      steps: request.steps,
      guidance: request.guidance,
      seed: request.seed,
      n: request.n,
      maxSequenceLength: request.max_sequence_length,
      acceleration: request.acceleration,
    },
    { onTensor: (name, _shape, data) => stages.set(name, data.slice()) },
  );
  stages.set('skipped_steps', [skippedSteps]);
  stages.set('pixels', Uint8Array.from(images.flatMap(({ rgb }) => [...rgb])));
  return stages;
}

/**
 * Compares every stage that the fixture has. Throws where a stage was not captured or has another
 * length.
 */
export function compareStages(
  actual: Stages,
  expected: ReadonlyMap<string, ExpectedTensor>,
  tolerances: StageTolerances = FP32,
): StageReport[] {
  return [...expected].map(([stage, { data }]) => {
    const values = actual.get(stage);
    if (values === undefined) throw new Error(`the generation gave no ${stage}`);
    const found = closeness(values, data, toleranceOf(stage, tolerances));
    return { stage, passed: found.worst <= 1, ...found, text: `${stage}: ${describeCloseness(found, values, data)}` };
  });
}

/** The lines of the stages that failed; empty when all passed. */
export function failures(reports: readonly StageReport[]): string[] {
  return reports.filter(({ passed }) => !passed).map(({ text }) => text);
}

function toleranceOf(stage: string, { floats, pixels }: StageTolerances): Tolerance {
  if (stage === 'clip_ids' || stage === 't5_ids' || stage === 'noise') return EXACT;
  if (stage === 'sigmas') return ONE_ULP;
  return stage === 'pixels' ? pixels : floats;
}
