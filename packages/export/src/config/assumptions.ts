import type { ModelConfig } from '@flux-srpo/core';
import { COMPONENTS, type Component } from '../key-maps/namings.ts';

export const SCHEDULER_CONFIG = 'scheduler/scheduler_config.json';

/** What no tensor's shape says, and is taken to be as in FLUX.1. */
const FROM_FLUX: Readonly<Record<Component, string>> = {
  transformer: 'rotary dimensions 16, 56, 56',
  text_encoder: 'heads of 64, QuickGELU and norms with 1e-5',
  text_encoder_2: 'distances up to 128, the tanh GELU and norms with 1e-6',
  vae: 'scaling 0.3611, shift 0.1159 and norms of 32 groups',
};

/**
 * What a conversion assumes of its source, as half sentences for people. Empty for a whole
 * diffusers folder, which says everything itself.
 *
 * @param paths of all files
 * @param singleFiles networks that are given as files, by the path of each
 * @param infersSchedule the schedule follows from the transformer
 */
export function assumedOf(
  paths: readonly string[],
  singleFiles: Readonly<Partial<Record<Component, string>>>,
  { transformer }: ModelConfig,
  infersSchedule: boolean,
): string[] {
  const given = COMPONENTS.filter((component) => singleFiles[component] !== undefined);
  const inferred = given.filter((component) => !paths.includes(`${component}/config.json`));
  const schedule = transformer.guidance_embeds
    ? "the schedule is shifted by the picture's size, as FLUX.1 [dev]'s, because the transformer has a guidance embedding"
    : "the schedule is not shifted, as FLUX.1 [schnell]'s, because the transformer has no guidance embedding";
  return [
    ...(infersSchedule ? [schedule] : []),
    ...inferred.map((component) => `${component} has ${FROM_FLUX[component]}, as FLUX.1's`),
  ];
}
