import { PARTS, ropeTables, type TransformerConfig, tokenCount, tokenGrid } from '@flux-srpo/core';
import { hostTensor } from '../host-tensor.ts';
import type { DeviceTensor } from '../ort/backend.ts';
import type { Phase } from '../parts/phase.ts';
import type { TensorScope } from '../parts/tensor-scope.ts';
import type { ResolvedRequest } from '../request.ts';
import { type ModulationTables, modulationTables } from './modulation.ts';
import { cacheThreshold, StepCache } from './step-cache.ts';

/** Cosines and sines of the rotary embedding, [1, S, D/2] each. */
interface Rope {
  cos: DeviceTensor;
  sin: DeviceTensor;
}

/** The transformer with everything that the steps of one generation share. */
export interface Denoiser {
  readonly phase: Phase;
  readonly config: TransformerConfig;
  readonly textTokens: number;
  /** The prompt after `txt_in`, [1, S_txt, H]: where every step's text stream starts. */
  readonly text: DeviceTensor;
  readonly modulation: ModulationTables;
  /** For the double blocks, image tokens only. */
  readonly imageRope: Rope;
  /** For the single blocks, text then image. */
  readonly jointRope: Rope;
  /** Absent if every step is computed. */
  readonly cache: StepCache | undefined;
}

export interface DenoiserInputs {
  request: ResolvedRequest;
  /** [steps + 1] */
  sigmas: Float32Array;
  /** [S_txt, D_t5] */
  promptEmbeds: Float32Array;
  /** [D_clip] */
  pooled: Float32Array;
  /** Called after each part that makes modulation tables. */
  onPart: () => void;
}

/** Makes and uploads what every step reads. `scope` holds the device tensors. */
export async function prepareDenoiser(
  phase: Phase,
  scope: TensorScope,
  { request, sigmas, promptEmbeds, pooled, onPart }: DenoiserInputs,
): Promise<Denoiser> {
  const { config: model, step_cache } = phase.bundle.manifest;
  const config = model.transformer;
  const { size, steps, guidance, acceleration } = request;
  const modulation = await modulationTables(phase, {
    config,
    sigmas: sigmas.subarray(0, steps),
    guidance,
    pooled,
    onPart,
  });

  const textTokens = promptEmbeds.length / config.joint_attention_dim;
  const placeRope = async (name: string, textTokens: number): Promise<Rope> => {
    const { cos, sin } = ropeTables(tokenGrid(size), config.axes_dims_rope, { textTokens });
    const shape = [1, textTokens + tokenCount(size), config.attention_head_dim / 2];
    return {
      cos: scope.replace(`${name} cos`, await phase.place(shape, cos)),
      sin: scope.replace(`${name} sin`, await phase.place(shape, sin)),
    };
  };
  const imageRope = await placeRope('image', 0);
  const jointRope = await placeRope('joint', textTokens);

  const prompt_embeds = hostTensor([1, textTokens, config.joint_attention_dim], promptEmbeds);
  const { hidden } = await phase.run(PARTS.embedText, { prompt_embeds }, ['hidden']);
  const text = scope.replace('text', hidden);

  const threshold = cacheThreshold(acceleration, step_cache);
  const cache = threshold === undefined ? undefined : new StepCache(phase, scope, threshold);
  return { phase, config, textTokens, text, modulation, imageRope, jointRope, cache };
}
