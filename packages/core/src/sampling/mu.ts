import type { SchedulerConfig } from '../model/config.ts';

/**
 * How far the schedule is shifted towards noise: a line through (256 tokens, 0.5) and (4096 tokens,
 * 1.15), not clamped.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/pipelines/flux/pipeline_flux.py `calculate_shift`
 */
export function muForTokens(tokens: number, scheduler: SchedulerConfig): number {
  const slope =
    (scheduler.max_shift - scheduler.base_shift) / (scheduler.max_image_seq_len - scheduler.base_image_seq_len);
  return tokens * slope + (scheduler.base_shift - slope * scheduler.base_image_seq_len);
}
