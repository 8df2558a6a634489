import { FLUX1_DEV, type SchedulerConfig, type TransformerConfig } from '@flux-srpo/core';
import type { ConfigFields } from './fields.ts';

/**
 * `scheduler/scheduler_config.json` of a FlowMatchEulerDiscreteScheduler. Missing fields take
 * diffusers' defaults.
 *
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/schedulers/scheduling_flow_match_euler_discrete.py
 */
export function readSchedulerConfig(fields: ConfigFields): SchedulerConfig {
  fields.oneOf('_class_name', ['FlowMatchEulerDiscreteScheduler'], 'FlowMatchEulerDiscreteScheduler');
  fields.oneOf('num_train_timesteps', [1000], 1000);
  fields.oneOf('shift_terminal', [null], null);
  fields.oneOf('time_shift_type', ['exponential'], 'exponential');
  for (const other of OTHER_SCHEDULES) fields.oneOf(other, [false, null], false);
  return {
    use_dynamic_shifting: fields.boolean('use_dynamic_shifting', false),
    shift: fields.positive('shift', 1),
    base_image_seq_len: fields.dimension('base_image_seq_len', 256),
    max_image_seq_len: fields.dimension('max_image_seq_len', 4096),
    base_shift: fields.number('base_shift', 0.5),
    max_shift: fields.number('max_shift', 1.15),
  };
}

/**
 * The scheduler of a transformer that comes without a config of it. FLUX.1 [schnell], which has no
 * guidance embedding, is the one model of the family whose schedule is not shifted.
 *
 * @see https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/cli.py `get_schedule(…, shift=(name != "flux-schnell"))`
 */
export function inferScheduler({ guidance_embeds }: TransformerConfig): SchedulerConfig {
  return guidance_embeds ? FLUX1_DEV.scheduler : { ...FLUX1_DEV.scheduler, use_dynamic_shifting: false, shift: 1 };
}

/** Ways to choose sigmas that the sampler here does not have. */
const OTHER_SCHEDULES = [
  'use_karras_sigmas',
  'use_exponential_sigmas',
  'use_beta_sigmas',
  'invert_sigmas',
  'stochastic_sampling',
] as const;
