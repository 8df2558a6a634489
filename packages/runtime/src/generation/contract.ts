import type { MemoryPlan, Progress } from '@flux-srpo/core';
import type { LedgerSnapshot } from '../ort/ledger.ts';
import type { ResolvedRequest } from '../request.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Timings } from './clock.ts';
import type { GeneratedImage } from './picture.ts';
import type { Preview } from './preview.ts';

/** What a caller may watch and stop. */
export interface GenerateOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  onPreview?: ((preview: Preview) => void) | undefined;
  /** Where an earlier generation of the same request got to. This one goes on from there. */
  from?: Checkpoint | undefined;
  /**
   * Called when the prompt is encoded, and after each step. The latents are the listener's; the
   * prompt's arrays must not be changed.
   */
  onCheckpoint?: ((checkpoint: Checkpoint) => void) | undefined;
  /**
   * Sees every number on the way: `prompt_embeds` [1, S_txt, D], `pooled_prompt_embeds` [1, D],
   * `sigmas` [steps + 1], `noise` [n, S_img, 64], `latents_001` … [n, S_img, 64] after each step,
   * `decoded` [n, 3, H, W] before clamping. The arrays must not be changed.
   */
  onTensor?: ((name: string, shape: readonly number[], data: Float32Array) => void) | undefined;
}

export interface GenerateResult {
  /** A withheld picture is black. */
  images: GeneratedImage[];
  /** With the safety checker, one per picture: true if it was withheld. */
  flagged?: boolean[];
  /** The request with every default filled in, the seed included. */
  request: ResolvedRequest;
  /** After a checkpoint, of what was done since. */
  timings: Timings;
  /** What the backend held at the end, and at its peak during this generation. */
  memory: LedgerSnapshot;
  /** The memory plan that this generation followed. */
  plan: MemoryPlan;
  /** Steps that `acceleration` skipped, those before the checkpoint included. */
  skippedSteps: number;
  /** Prompt tokens that did not fit, by encoder. */
  dropped: { clip: number; t5: number };
}
