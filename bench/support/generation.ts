import { type ImageSize, type Manifest, type MemoryPlan, partSizes, planGeneration } from '@flux-srpo/core';
import {
  type Backend,
  type BackendInfo,
  type BundleFiles,
  createPipeline,
  openBundle,
  type Timings,
} from '@flux-srpo/runtime';

export interface Generation {
  size: ImageSize;
  textTokens: number;
  steps: number;
  /** Bytes of device memory. */
  memoryBudget: number;
}

/** Of every run that is compared with another. */
export const PROMPT = 'a red house';
export const SEED = 1;

export interface GenerationReport {
  /** Milliseconds. */
  timings: Timings;
  plan: MemoryPlan;
  /** Bytes at peak, by device; on the CPU's providers only tensors. */
  counted: Record<string, { bytes: number; uploaded: number }>;
  info: BackendInfo;
  /** Whether all numbers on the way were: the embeddings, the latents, what was decoded. */
  areFinite: boolean;
  /** [H, W, 3] */
  rgb: Uint8Array;
}

/** What the plan says of a generation, made from the manifest as the pipeline makes it. */
export function planOf(manifest: Manifest, { size, textTokens, steps, memoryBudget }: Generation): MemoryPlan {
  const { config } = manifest;
  return planGeneration({ config, parts: partSizes(manifest), size, textTokens, steps, budget: memoryBudget });
}

/** How the weights are held. */
export function modeOf({ keep, phases }: MemoryPlan): string {
  return keep ? 'keep' : phases.denoise.mode;
}

/** Planned bytes by device: the modulation runs on the denoiser's. */
export function plannedByDevice({ phases }: MemoryPlan): Record<string, number> {
  return {
    text: phases.text.bytes,
    denoise: Math.max(phases.modulation.bytes, phases.denoise.bytes),
    decode: phases.decode.bytes,
  };
}

/** One picture through the whole pipeline, and what it took. */
export async function generateOnce(
  files: BundleFiles,
  backend: Backend,
  { size, textTokens, steps, memoryBudget }: Generation,
  onNote: (note: string) => void,
): Promise<GenerationReport> {
  const peaks: GenerationReport['counted'] = {};
  const bundle = await openBundle(files);
  const pipeline = await createPipeline({ bundle, backend: notingPeaks(backend, peaks), memoryBudget });
  const request = { prompt: PROMPT, size, steps, seed: SEED, maxSequenceLength: textTokens };
  let areFinite = true;
  let done = '';
  try {
    const { timings, plan, images } = await pipeline.generate(request, {
      onProgress: (progress) => {
        const now = progress.stage === 'load' ? `load ${progress.part}` : JSON.stringify(progress);
        if (now !== done) onNote(now);
        done = now;
      },
      onTensor: (_name, _shape, data) => {
        areFinite &&= data.every(Number.isFinite);
      },
    });
    return { timings, plan, counted: peaks, info: backend.info, areFinite, rgb: images[0]?.rgb ?? new Uint8Array() };
  } finally {
    await pipeline.dispose();
  }
}

/** The backend, with the peak of each stage noted as it closes. One stage is open at a time where not everything is kept. */
function notingPeaks(backend: Backend, peaks: GenerationReport['counted']): Backend {
  const openStage: Backend['openStage'] = async (label, ...rest) => {
    backend.ledger.resetPeaks();
    const stage = await backend.openStage(label, ...rest);
    const close = (): Promise<void> => {
      const { peakBytes, peakWeightBytes } = backend.ledger.snapshot();
      peaks[label] = { bytes: peakBytes, uploaded: peakWeightBytes };
      return stage.close();
    };
    return { ...stage, close };
  };
  return { ...backend, openStage };
}
