import type { ModelConfig } from '@flux-srpo/core';
import { type PipelineSource, readJsonObject, requireFile } from '../source.ts';
import { ConfigFields } from './fields.ts';
import { readSchedulerConfig } from './scheduler.ts';
import { readClipConfig, readT5Config } from './text-encoders.ts';
import { readTransformerConfig } from './transformer.ts';
import { readVaeConfig } from './vae.ts';

/** diffusers' class of each component of a FluxPipeline; the library part of `model_index.json` may differ. */
const COMPONENTS: Readonly<Record<string, readonly string[]>> = {
  transformer: ['FluxTransformer2DModel'],
  text_encoder: ['CLIPTextModel', 'CLIPTextModelWithProjection'],
  text_encoder_2: ['T5EncoderModel'],
  vae: ['AutoencoderKL'],
  scheduler: ['FlowMatchEulerDiscreteScheduler'],
};

const PIPELINE_HINT = 'a diffusers FluxPipeline folder has one';

/**
 * The shape of every network of a diffusers pipeline folder, checked against what the graphs can do.
 *
 * @param clipEos the id CLIP's tokenizer ends a prompt with
 */
export async function readModelConfig(source: PipelineSource, clipEos: number): Promise<ModelConfig> {
  const paths = await source.list();
  const open = async (path: string): Promise<ConfigFields> => {
    requireFile(paths, path, PIPELINE_HINT);
    return new ConfigFields(path, await readJsonObject(source, path));
  };
  checkPipelineIndex(await open('model_index.json'));

  const config: ModelConfig = {
    transformer: readTransformerConfig(await open('transformer/config.json')),
    text_encoder: readClipConfig(await open('text_encoder/config.json'), clipEos),
    text_encoder_2: readT5Config(await open('text_encoder_2/config.json')),
    vae: readVaeConfig(await open('vae/config.json')),
    scheduler: readSchedulerConfig(await open('scheduler/scheduler_config.json')),
  };
  checkJoints(config, new ConfigFields('transformer/config.json', { ...config.transformer }));
  return config;
}

function checkPipelineIndex(index: ConfigFields): void {
  index.oneOf('_class_name', ['FluxPipeline']);
  for (const [component, classes] of Object.entries(COMPONENTS)) index.component(component, classes);
}

/** The widths where one network's output is another's input. */
function checkJoints(config: ModelConfig, fields: ConfigFields): void {
  const { transformer, text_encoder, text_encoder_2, vae } = config;
  const joints = [
    ['in_channels', 4 * vae.latent_channels, "4 × the VAE's latent_channels"],
    ['joint_attention_dim', text_encoder_2.d_model, "T5's d_model"],
    ['pooled_projection_dim', text_encoder.hidden_size, "CLIP's hidden_size"],
  ] as const;
  for (const [field, expected, what] of joints) {
    if (transformer[field] !== expected) fields.refuse(field, `${expected}, ${what}`, transformer[field]);
  }
}
