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

/** Prompt and seed of every run that is compared with another. */
export const PROMPT = 'a red house';
export const SEED = 1;

export interface GenerationReport {
  /** Milliseconds. */
  timings: Timings;
  plan: MemoryPlan;
  /** Peak bytes by device. The CPU's providers count tensors only. */
  counted: Record<string, { bytes: number; uploaded: number }>;
  info: BackendInfo;
  /** Whether all embeddings, latents and decoded values were finite. */
  areFinite: boolean;
  /** [H, W, 3] */
  rgb: Uint8Array;
}

/** The memory plan of a generation, made from the manifest as the pipeline makes it. */
export function planOf(manifest: Manifest, { size, textTokens, steps, memoryBudget }: Generation): MemoryPlan {
  const { config } = manifest;
  return planGeneration({ config, parts: partSizes(manifest), size, textTokens, steps, budget: memoryBudget });
}

/** Whether the weights are kept, and how the denoiser holds its own otherwise. */
export function modeOf({ keep, phases }: MemoryPlan): string {
  return keep ? 'keep' : phases.denoise.mode;
}

/** Planned bytes by device. The modulation runs on the denoiser's device. */
export function plannedByDevice({ phases }: MemoryPlan): Record<string, number> {
  return {
    text: phases.text.bytes,
    denoise: Math.max(phases.modulation.bytes, phases.denoise.bytes),
    decode: phases.decode.bytes,
  };
}

/** Draws one picture through the whole pipeline; reports time and memory. */
export async function generateOnce(
  files: BundleFiles,
  backend: Backend,
  { size, textTokens, steps, memoryBudget }: Generation,
  onNote: (note: string) => void,
  onTensor: (name: string) => void = () => undefined,
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
      onTensor: (name, _shape, data) => {
        onTensor(name);
        areFinite &&= data.every(Number.isFinite);
      },
    });
    return { timings, plan, counted: peaks, info: backend.info, areFinite, rgb: images[0]?.rgb ?? new Uint8Array() };
  } finally {
    await pipeline.dispose();
  }
}

/**
 * The same backend; notes the peak of each stage when the stage closes. Only one stage is open at a
 * time unless everything is kept.
 */
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
