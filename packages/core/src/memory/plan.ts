import { formatBytes } from '../format-bytes.ts';
import { PLAN_PHASES } from '../model/parts.ts';
import { type ImageSize, PIXELS_PER_LATENT, PIXELS_PER_TOKEN } from '../picture/geometry.ts';
import type { MemoryPlan, PlanInput, PlanRefusal } from './plan-types.ts';
import { planResidency } from './residency.ts';

/**
 * What one generation takes on the device, phase by phase, and how its weights are to be held so
 * that it fits into the budget. Made before anything is loaded.
 */
export function planGeneration(input: PlanInput): MemoryPlan {
  const plan = planResidency(input);
  if (plan.refusals.length === 0) return plan;
  const fits = findFit(input);
  const advice = fits === undefined ? 'nothing smaller would fit' : `${describeFit(input, fits)} would fit`;
  const refusals = plan.refusals.map((refusal) => ({
    ...refusal,
    ...(fits !== undefined && { fits }),
    message: `${refusal.message}; ${advice}`,
  }));
  return { ...plan, refusals };
}

type Fit = NonNullable<PlanRefusal['fits']>;

/** Shares of a picture's sides, in sixteenths, to try in place of a picture that does not fit. */
const SIXTEENTHS = Array.from({ length: 15 }, (_, i) => 15 - i);

/** The same request with fewer pictures, else with one smaller picture of about the same shape. */
function findFit(input: PlanInput): Fit | undefined {
  const { size, n = 1 } = input;
  const fewer = Array.from({ length: n - 1 }, (_, i) => ({ n: n - 1 - i, size }));
  const smaller = SIXTEENTHS.map((share) => ({
    n: 1,
    size: { width: shrunk(size.width, share), height: shrunk(size.height, share) },
  }));
  return [...fewer, ...smaller].find((fit) => planResidency({ ...input, ...fit }).refusals.length === 0);
}

/** `sixteenths` of a side in whole tokens, at least one. */
function shrunk(pixels: number, sixteenths: number): number {
  return Math.max(1, Math.floor((pixels * sixteenths) / 16 / PIXELS_PER_TOKEN)) * PIXELS_PER_TOKEN;
}

function describeFit({ n = 1 }: PlanInput, fit: Fit): string {
  const size = `${fit.size.width}x${fit.size.height}`;
  return n === 1 ? size : `${fit.n} of ${size}`;
}

/**
 * How long weights stay on the device. `keep`: until the pipeline is unloaded. `release`: until
 * their phase ends, or until they have run if they run once. `streamed`: as `release`, but of the
 * parts that every step runs, only the one that runs and the next are on the device.
 */
export type Residency = 'keep' | 'release' | 'streamed';

/** How a plan holds the denoiser's weights. */
export function residencyOf({ keep, phases }: MemoryPlan): Residency {
  if (keep) return 'keep';
  return phases.denoise.mode === 'streamed' ? 'streamed' : 'release';
}

/** For people: what a picture of `size` takes, phase by phase, and what {@link planNotes} says. */
export function planLines(size: ImageSize, plan: MemoryPlan): string[] {
  const stay = plan.keep ? 'weights stay between pictures' : 'weights are loaded for each picture';
  return [
    `a picture of ${size.width}x${size.height} takes ${formatBytes(plan.peak)} on the device at most; ${stay}`,
    ...PLAN_PHASES.map((phase) => {
      const { bytes, weights, work, mode } = plan.phases[phase];
      const parts = `weights ${formatBytes(weights)} (${mode}), work ${formatBytes(work)}`;
      return `  ${phase.padEnd(10)} ${formatBytes(bytes)}: ${parts}`;
    }),
    ...planNotes(plan).map((note) => `  ${note}`),
  ];
}

/** For people, one line each: tiles, weights that are read again, and what is refused. */
export function planNotes({ decodeTile, readPerStep, refusals }: MemoryPlan): string[] {
  const tile = PIXELS_PER_LATENT * (decodeTile ?? 0);
  return [
    ...(tile > 0 ? [`decoded in tiles of ${tile}x${tile}`] : []),
    ...(readPerStep > 0 ? [`each step reads ${formatBytes(readPerStep)} of weights again`] : []),
    ...refusals.map(({ message }) => `refused: ${message}`),
  ];
}
