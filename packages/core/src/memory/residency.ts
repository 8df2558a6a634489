import { PLAN_PHASES, type PlanPhase } from '../model/parts.ts';
import { DEFAULT_MEMORY_BUDGET } from './budget.ts';
import { planDecode } from './decode-plan.ts';
import type { PartSize } from './part-sizes.ts';
import { phaseWork } from './phase-work.ts';
import type { MemoryPlan, PhasePlan, PlanInput } from './plan-types.ts';
import { refuse } from './refusals.ts';

/** How each phase's weights are held within the budget. Refusals do not say yet what fits. */
export function planResidency(input: PlanInput): MemoryPlan {
  const { target = DEFAULT_MEMORY_BUDGET, budget = target, packing, keepsWeights = true } = input;
  const held = input.parts.map((part) => ({ ...part, bytes: Math.ceil(part.bytes * (packing ?? 1)) }));
  const parts = byPhase((phase) => held.filter((part) => part.phase === phase));
  const copied = byPhase((phase) => (packing === undefined ? 0 : largest(input.parts, phase)));
  const { tile, ...decodeWork } = planDecode(input, sum(parts.decode) + copied.decode);
  const work = { ...phaseWork(input), decode: decodeWork };
  const decodeTile = tile === undefined ? {} : { decodeTile: tile };
  const phasePlan = (phase: PlanPhase, mode: PhasePlan['mode'], weights: number): PhasePlan => ({
    mode,
    weights: weights + copied[phase],
    totalWeights: sum(parts[phase]),
    work: work[phase].bytes,
    bytes: weights + copied[phase] + work[phase].bytes,
    largestBuffer: work[phase].largest,
  });

  // 1. Keep everything. The modulation works on the denoiser's device and leaves its buffers to it.
  const resident = byPhase((phase) => phasePlan(phase, 'resident', sum(parts[phase])));
  const workBytes = work.text.bytes + work.denoise.bytes + work.decode.bytes;
  const keptBytes = sum(held) + Math.max(...Object.values(copied)) + workBytes;
  if (keepsWeights && keptBytes <= budget) {
    const refusals = refuse(resident, keptBytes, input);
    return { keep: true, ...decodeTile, phases: resident, peak: keptBytes, readPerStep: 0, refusals };
  }

  // 2. Hold one phase at a time. Parts that run once are streamed: holding them saves nothing.
  const blocks = parts.denoise.filter(({ use }) => use === 'step');
  const others = sum(parts.denoise) - sum(blocks);
  const windowed = phasePlan('denoise', 'streamed', others + largestPair(blocks, 'cyclic'));
  const denoise = resident.denoise.bytes <= budget ? resident.denoise : windowed;
  const phases = {
    text: phasePlan('text', 'streamed', largestPair(parts.text)),
    modulation: phasePlan('modulation', 'streamed', largestPair(parts.modulation)),
    denoise,
    decode: resident.decode,
  };
  const peak = Math.max(...Object.values(phases).map(({ bytes }) => bytes));
  const readPerStep = denoise.mode === 'streamed' ? sum(input.parts.filter(({ use }) => use === 'step')) : 0;
  return { keep: false, ...decodeTile, phases, peak, readPerStep, refusals: refuse(phases, peak, input) };
}

/** The most that two parts in a row take. `cyclic`: the first part follows the last. */
function largestPair(parts: readonly PartSize[], order: 'once' | 'cyclic' = 'once'): number {
  const pairs = parts.map(({ bytes }, i) => {
    const next = parts[i + 1] ?? (order === 'cyclic' && parts.length > 1 ? parts[0] : undefined);
    return bytes + (next?.bytes ?? 0);
  });
  return Math.max(0, ...pairs);
}

function largest(parts: readonly PartSize[], phase: PlanPhase): number {
  return Math.max(0, ...parts.map((part) => (part.phase === phase ? part.bytes : 0)));
}

function byPhase<T>(make: (phase: PlanPhase) => T): Record<PlanPhase, T> {
  return Object.fromEntries(PLAN_PHASES.map((phase) => [phase, make(phase)])) as Record<PlanPhase, T>;
}

function sum(parts: readonly PartSize[]): number {
  return parts.reduce((total, { bytes }) => total + bytes, 0);
}
