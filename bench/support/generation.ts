import type { ImageSize } from '@flux-srpo/core';
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

export interface GenerationReport {
  /** Milliseconds. */
  timings: Timings;
  /** Bytes on the device at peak, by phase: as planned, and as counted. On the CPU's providers only tensors are counted. */
  memory: Record<string, { planned: number; counted: number; countedWeights: number }>;
  mode: string;
  info: BackendInfo;
  tensors: Record<string, number[]>;
}

const COMPARED = ['prompt_embeds', 'pooled_prompt_embeds', 'latents_001', 'decoded'];

/** One picture through the whole pipeline; its numbers, and what it took. */
export async function generateOnce(
  files: BundleFiles,
  backend: Backend,
  { size, textTokens, steps, memoryBudget }: Generation,
  onNote: (note: string) => void,
): Promise<GenerationReport> {
  const peaks = new Map<string, { bytes: number; weights: number }>();
  const bundle = await openBundle(files);
  const pipeline = await createPipeline({ bundle, backend: notingPeaks(backend, peaks), memoryBudget });
  const request = { prompt: 'a red house', size, steps, seed: 1, maxSequenceLength: textTokens };
  const plan = pipeline.plan(request);
  const planned: Record<string, number> = {
    text: plan.phases.text.bytes,
    // Modulation runs on the denoiser's device.
    denoise: Math.max(plan.phases.modulation.bytes, plan.phases.denoise.bytes),
    decode: plan.phases.decode.bytes,
  };
  const tensors: Record<string, number[]> = {};
  let done = '';
  let timings: Timings;
  try {
    ({ timings } = await pipeline.generate(request, {
      onProgress: (progress) => {
        const now = progress.stage === 'load' ? `load ${progress.part}` : JSON.stringify(progress);
        if (now !== done) onNote(now);
        done = now;
      },
      onTensor: (name, _shape, data) => {
        if (COMPARED.includes(name)) tensors[name] = Array.from(data);
      },
    }));
  } finally {
    await pipeline.dispose();
  }
  const memory = Object.fromEntries(
    [...peaks].map(([label, { bytes, weights }]) => [
      label,
      { planned: planned[label] ?? 0, counted: bytes, countedWeights: weights },
    ]),
  );
  return { timings, memory, mode: plan.keep ? 'keep' : plan.phases.denoise.mode, info: backend.info, tensors };
}

/** The backend, with the peak of each stage noted as it closes. One stage is open at a time where not everything is kept. */
function notingPeaks(backend: Backend, peaks: Map<string, { bytes: number; weights: number }>): Backend {
  const openStage: Backend['openStage'] = async (label, ...rest) => {
    backend.ledger.resetPeaks();
    const stage = await backend.openStage(label, ...rest);
    const close = (): Promise<void> => {
      const { peakBytes, peakWeightBytes } = backend.ledger.snapshot();
      peaks.set(label, { bytes: peakBytes, weights: peakWeightBytes });
      return stage.close();
    };
    return { ...stage, close };
  };
  return { ...backend, openStage };
}
