import type { ModelConfig } from '@flux-srpo/core';
import type { Component, TensorShapes } from '../key-maps/namings.ts';
import { refuseOtherPipeline } from '../recognise/recognise.ts';
import { readJsonObject, requireFile, type SourceFolder } from '../sources/source-folder.ts';
import { assumedOf, SCHEDULER_CONFIG } from './assumptions.ts';
import { ConfigFields } from './fields.ts';
import { inferConfig } from './infer.ts';
import { overrule } from './overrule.ts';
import { inferScheduler, readSchedulerConfig } from './scheduler.ts';
import { readClipConfig, readT5Config } from './text-encoders.ts';
import { readTransformerConfig } from './transformer.ts';
import { readVaeConfig } from './vae.ts';

/**
 * diffusers' class of each component of a FluxPipeline; the library part of `model_index.json` may
 * differ.
 */
const COMPONENTS: Readonly<Record<string, readonly string[]>> = {
  transformer: ['FluxTransformer2DModel'],
  text_encoder: ['CLIPTextModel', 'CLIPTextModelWithProjection'],
  text_encoder_2: ['T5EncoderModel'],
  vae: ['AutoencoderKL'],
  scheduler: ['FlowMatchEulerDiscreteScheduler'],
};

const PIPELINE_HINT = 'a diffusers FluxPipeline folder has one';

/** The shape of every network, and what is assumed of it, as half sentences for people. */
export interface ReadConfig {
  readonly config: ModelConfig;
  readonly assumed: readonly string[];
}

/**
 * The shape of every network of a pipeline, checked against what the graphs support. Where a
 * network is a single file without a config, its shape is read from its tensors; where it is given
 * in place of a folder's, its tensors overrule the folder's config. Where the scheduler has no
 * config, or one of another model, it follows from the transformer.
 *
 * @param clipEos the id CLIP's tokenizer ends a prompt with
 * @param tensors of each network
 */
export async function readModelConfig(
  source: SourceFolder,
  clipEos: number,
  tensors: Readonly<Record<Component, TensorShapes>>,
): Promise<ReadConfig> {
  const paths = await source.list();
  const { singleFiles = {} } = source;
  const overruled: string[] = [];
  /** Of folder and file, one has guidance and the other has not: the folder's schedule is wrong. */
  let isOfAnotherSchedule = false;
  const hasSingleFile = Object.keys(singleFiles).length > 0;
  const open = async (path: string): Promise<ConfigFields> => {
    requireFile(paths, path, PIPELINE_HINT);
    return new ConfigFields(path, await readJsonObject(source, path));
  };
  const fieldsOf = async (component: Component): Promise<ConfigFields> => {
    const path = `${component}/config.json`;
    const file = singleFiles[component];
    if (file === undefined) return open(path);
    const told = inferConfig(component, tensors[component]);
    if (!paths.includes(path)) return new ConfigFields(file, told);
    const { values, fields, said } = overrule(component, path, await readJsonObject(source, path), file, told);
    overruled.push(...said);
    isOfAnotherSchedule ||= fields.includes('guidance_embeds');
    return new ConfigFields(said.length > 0 ? `${path} with the shapes of ${file}` : path, values);
  };
  if (!hasSingleFile || paths.includes('model_index.json')) checkPipelineIndex(await open('model_index.json'));

  const fields = await fieldsOf('transformer');
  const transformer = readTransformerConfig(fields);
  const infersSchedule = isOfAnotherSchedule || (hasSingleFile && !paths.includes(SCHEDULER_CONFIG));
  const config: ModelConfig = {
    transformer,
    text_encoder: readClipConfig(await fieldsOf('text_encoder'), clipEos),
    text_encoder_2: readT5Config(await fieldsOf('text_encoder_2')),
    vae: readVaeConfig(await fieldsOf('vae')),
    scheduler: infersSchedule ? inferScheduler(transformer) : readSchedulerConfig(await open(SCHEDULER_CONFIG)),
  };
  checkJoints(config, new ConfigFields(fields.path, { ...transformer }));
  return { config, assumed: [...overruled, ...assumedOf(paths, singleFiles, config, infersSchedule)] };
}

function checkPipelineIndex(index: ConfigFields): void {
  refuseOtherPipeline(index.path, index.value('_class_name'));
  index.oneOf('_class_name', ['FluxPipeline']);
  for (const [component, classes] of Object.entries(COMPONENTS)) index.component(component, classes);
}

/** Checks the widths where one network's output is another's input. */
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
