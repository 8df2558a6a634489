import {
  assertPlanned,
  eulerStep,
  fluxNoise,
  fluxSigmas,
  latentGrid,
  type MemoryPlan,
  tokenCount,
} from '@flux-srpo/core';
import type { Bundle } from './bundle/bundle.ts';
import { decodeLatents } from './decode/decode-latents.ts';
import { prepareDenoiser } from './denoise/denoiser.ts';
import { predictVelocity } from './denoise/predict-velocity.ts';
import { refillCache } from './denoise/refill-cache.ts';
import { joinBatch, splitBatch } from './generation/batch.ts';
import { Checkpoints } from './generation/checkpoint.ts';
import { Clock } from './generation/clock.ts';
import type { GenerateOptions, GenerateResult } from './generation/contract.ts';
import { GenerationProgress } from './generation/generation-progress.ts';
import type { Phases } from './generation/phases.ts';
import { toPicture } from './generation/picture.ts';
import { previews } from './generation/preview.ts';
import type { Ledger } from './ort/ledger.ts';
import type { Phase } from './parts/phase.ts';
import type { TensorScope } from './parts/tensor-scope.ts';
import type { ResolvedRequest } from './request.ts';
import type { PromptEncoder } from './text/prompt-encoder.ts';

/** What stays between generations. */
export interface PipelineState {
  bundle: Bundle;
  ledger: Ledger;
  phases: Phases;
  prompts: PromptEncoder;
}

/** One generation, from the prompt to the pictures: encode, prepare, denoise, decode. */
export async function generatePictures(
  { bundle: { manifest }, ledger, phases, prompts }: PipelineState,
  request: ResolvedRequest,
  plan: MemoryPlan,
  { signal, onProgress, onPreview, onTensor, from, onCheckpoint }: GenerateOptions,
): Promise<GenerateResult> {
  const { transformer, text_encoder, text_encoder_2, scheduler, vae } = manifest.config;
  const { size, steps, n, seed, maxSequenceLength } = request;
  assertPlanned(plan, size);
  const clock = new Clock();
  await phases.applyPlan(plan);
  ledger.resetPeaks();
  const remembered = from?.prompt ?? prompts.recall(request);
  const firstStep = from?.step ?? 0;
  const known = { isPromptKnown: remembered !== undefined, firstStep };
  const progress = new GenerationProgress({ onProgress, manifest, request, plan, phases, ...known });
  const hooks = { signal, onLoad: progress.onLoaded };

  // 1. Encode the prompt: with CLIP to one vector, with T5 to one per token.
  const encode = () => phases.use('text', hooks, (phase) => prompts.encode(phase, request, progress.onEncoded));
  const prompt = remembered ?? (await encode());
  const { promptEmbeds, pooled, dropped } = prompt;
  onTensor?.('prompt_embeds', [1, maxSequenceLength, text_encoder_2.d_model], promptEmbeds);
  onTensor?.('pooled_prompt_embeds', [1, text_encoder.hidden_size], pooled);
  clock.lap('encode');

  // 2. Prepare the noise, and the noise levels from it down to the picture.
  const latentsShape = [n, tokenCount(size), transformer.in_channels];
  const sigmas = fluxSigmas(steps, tokenCount(size), scheduler);
  const noise = fluxNoise(seed, n, latentGrid(size));
  onTensor?.('sigmas', [steps + 1], sigmas);
  onTensor?.('noise', latentsShape, noise);
  let latents = splitBatch(from?.latents ?? noise, n);
  const checkpoints = new Checkpoints(onCheckpoint, prompt, from);
  if (from === undefined) checkpoints.begin(latents);

  // 3. Denoise: from each noise level to the next along the predicted velocity.
  const denoise = async (phase: Phase, scope: TensorScope): Promise<void> => {
    const shared = { request, sigmas, promptEmbeds, pooled, onPart: progress.onModulated };
    const denoiser = await prepareDenoiser(phase, scope, shared);
    if (from?.computed) await refillCache(denoiser, from.computed, n);
    clock.lap('prepare');
    for (let step = firstStep; step < steps; step++) {
      const [sigma, sigmaNext] = [sigmas[step] as number, sigmas[step + 1] as number];
      const onBlock = (blocks: number) => progress.onDenoised(step, blocks, sigma);
      const velocities = await predictVelocity(denoiser, { latents, step, onBlock });
      if (onPreview) {
        for (const preview of previews(manifest, size, { step, sigma, latents, velocities })) onPreview(preview);
      }
      const before = latents;
      latents = before.map((x, i) => eulerStep(x, velocities[i] as Float32Array, sigma, sigmaNext));
      onTensor?.(`latents_${String(step + 1).padStart(3, '0')}`, latentsShape, joinBatch(latents));
      clock.step();
      checkpoints.advance(step, before, latents, denoiser.cache);
    }
    clock.lap('denoise');
  };
  if (firstStep < steps) await phases.use('denoise', hooks, denoise);

  // 4. Decode the latents to pixels.
  const decoded: Float32Array[] = [];
  await phases.use('decode', hooks, async (phase) => {
    const shared = { config: vae, size, tile: plan.decodeTile, onStage: progress.onDecoded };
    for (const each of latents) decoded.push(await decodeLatents(phase, { latents: each, ...shared }));
  });
  onTensor?.('decoded', [n, 3, size.height, size.width], joinBatch(decoded));
  signal?.throwIfAborted();
  const images = decoded.map((planar) => toPicture(planar, size));
  clock.lap('decode');
  const memory = ledger.snapshot();
  const { skipped } = checkpoints;
  return { images, request, timings: clock.timings(), memory, plan, skippedSteps: skipped, dropped };
}
