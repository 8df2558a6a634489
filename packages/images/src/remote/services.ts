import { ERROR_PATHS } from '../wire/remote-errors.ts';
import type { ServiceName } from './options.ts';
import { SERVICE_FIELDS, type ServiceDescription } from './service-description.ts';

const same = <const Name extends string>(...names: Name[]) =>
  Object.fromEntries(names.map((name) => [name, { to: [name] }])) as Record<Name, { to: [Name] }>;

const BEARER: ServiceDescription['auth'] = { header: 'Authorization', scheme: 'Bearer' };

const OPENAI_ANSWER: ServiceDescription['answer'] = {
  images: 'data',
  image: { url: 'url', b64_json: 'b64_json', revised_prompt: 'revised_prompt' },
  created: 'created',
};

const STREAM: NonNullable<ServiceDescription['request']['stream']> = { to: 'stream', partials: 'partial_images' };

/** This endpoint: OneRouter's, Siraya's, and `flux-srpo serve`. */
const FLUX_SRPO: ServiceDescription = {
  name: 'flux-srpo',
  path: '/v1/images/generations',
  models: '/v1/models',
  auth: BEARER,
  request: {
    fields: same(...SERVICE_FIELDS),
    // Siraya's default is `regular`.
    defaults: { acceleration: 'none' },
    presets: { to: 'size', as: 'name' },
    pixels: { to: 'image_size', as: 'object' },
    transport: { to: 'output_format', values: { url: 'url', b64_json: 'b64_json' } },
    stream: STREAM,
  },
  answer: {
    ...OPENAI_ANSWER,
    image: { ...OPENAI_ANSWER.image, seed: 'seed' },
    seed: 'seed',
    flagged: 'has_nsfw_concepts',
    warnings: 'warnings',
  },
};

const EXTENSION = "not part of OpenAI's API: a server that does not know it may ignore it, and draw another picture";

/**
 * Servers that speak OpenAI's images API. Pictures are asked for as base64, the one form that all
 * of them have. A field of OpenAI's is sent as such; what they have no word for goes under the
 * names that the self-hosted servers use.
 */
const OPENAI: ServiceDescription = {
  name: 'openai',
  path: '/v1/images/generations',
  models: '/v1/models',
  auth: BEARER,
  request: {
    fields: {
      ...same('model', 'prompt', 'n'),
      seed: { to: ['seed'], warning: EXTENSION },
      // The first is vLLM-Omni's, the second LocalAI's.
      num_inference_steps: { to: ['num_inference_steps', 'step'], warning: EXTENSION },
      guidance_scale: { to: ['guidance_scale'], warning: EXTENSION },
    },
    defaults: { size: 'landscape_4_3' },
    constants: { response_format: 'b64_json' },
    // The gpt-image models answer with base64 always, and with 400 to the wish.
    // https://github.com/openai/openai-python/blob/v2.54.0/src/openai/types/image_generate_params.py
    dispensable: ['response_format'],
    presets: { to: 'size', as: 'WIDTHxHEIGHT' },
    pixels: { to: 'size', as: 'WIDTHxHEIGHT' },
    stream: STREAM,
  },
  answer: OPENAI_ANSWER,
};

/** The self-hosted servers give whole answers alone. */
const { stream: _, ...WHOLE } = OPENAI.request;

/**
 * Guidance is set in the model's own configuration.
 * @see https://github.com/mudler/LocalAI/blob/089efe05/core/http/endpoints/openai/image.go
 */
const LOCALAI: ServiceDescription = {
  ...OPENAI,
  name: 'localai',
  request: {
    ...WHOLE,
    fields: { ...same('model', 'prompt', 'n', 'seed'), num_inference_steps: { to: ['step'] } },
  },
};

/**
 * @see https://github.com/vllm-project/vllm-omni/blob/6a96e66e/vllm_omni/entrypoints/openai/protocol/images.py `ImageGenerationRequest`
 */
const VLLM_OMNI: ServiceDescription = {
  ...OPENAI,
  name: 'vllm-omni',
  request: {
    ...WHOLE,
    fields: same('model', 'prompt', 'n', 'seed', 'num_inference_steps', 'guidance_scale'),
  },
};

/**
 * stable-diffusion.cpp's server takes what OpenAI has no field for inside the prompt.
 * @see https://github.com/leejet/stable-diffusion.cpp/blob/97d2990/examples/server/api.md
 */
const SD_SERVER: ServiceDescription = {
  ...OPENAI,
  name: 'sd-server',
  request: {
    ...WHOLE,
    fields: {
      ...same('model', 'prompt', 'n'),
      seed: { to: ['seed'], isEmbedded: true },
      num_inference_steps: { to: ['sample_params.sample_steps'], isEmbedded: true },
      guidance_scale: { to: ['sample_params.guidance.distilled_guidance'], isEmbedded: true },
    },
    constants: { output_format: 'png' },
    embedding: { open: '<sd_cpp_extra_args>', close: '</sd_cpp_extra_args>' },
  },
  // `{"error": "prompt required"}` and `{"error": "server_error", "message": …}`
  error: { ...ERROR_PATHS, code: ['error.code', 'error'] },
};

/** fal, without its queue: `baseURL` is the model's own URL, https://fal.run/fal-ai/flux/srpo. */
const FAL: ServiceDescription = {
  name: 'fal',
  path: '',
  auth: { header: 'Authorization', scheme: 'Key' },
  request: {
    fields: {
      ...same('prompt', 'seed', 'num_inference_steps', 'guidance_scale', 'acceleration', 'enable_safety_checker'),
      n: { to: ['num_images'] },
    },
    // The URL says it.
    omitted: ['model'],
    defaults: { enable_safety_checker: false, acceleration: 'none', size: 'landscape_4_3' },
    constants: { output_format: 'png' },
    presets: { to: 'image_size', as: 'name' },
    pixels: { to: 'image_size', as: 'object' },
    transport: { to: 'sync_mode', values: { url: false, b64_json: true } },
  },
  answer: { images: 'images', image: { url: 'url' }, seed: 'seed', flagged: 'has_nsfw_concepts' },
  error: { ...ERROR_PATHS, type: ['detail.0.type', 'error.type', 'error_type'], code: ['detail.0.type', 'error.code'] },
};

/** The services that are known by name. */
export const SERVICES = {
  'flux-srpo': FLUX_SRPO,
  openai: OPENAI,
  localai: LOCALAI,
  'vllm-omni': VLLM_OMNI,
  'sd-server': SD_SERVER,
  fal: FAL,
} as const satisfies Record<ServiceName, ServiceDescription>;
