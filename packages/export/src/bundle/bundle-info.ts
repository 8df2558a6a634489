import {
  FLUX_SRPO_DEFAULTS,
  FLUX_SRPO_SIZES,
  InputError,
  LIMITS,
  type Manifest,
  type ModelConfig,
} from '@flux-srpo/core';
import { isObject } from '../sources/source-folder.ts';

/** What a bundle's manifest says besides the checkpoint's own facts. */
export interface BundleInfo
  extends Pick<Manifest, 'model' | 'name' | 'licence' | 'sizes' | 'defaults' | 'examples' | 'preview' | 'step_cache'> {
  /** Free text by part: what the bundle was made from. The converter adds files and dtypes. */
  source?: Record<string, string>;
  /** Text tokens a prompt is padded to unless a request says otherwise. */
  max_sequence_length: number;
}

/** FLUX.1 SRPO, with the defaults of its HTTP endpoint. */
export const FLUX_SRPO_INFO: BundleInfo = {
  model: 'flux-srpo-text-to-image',
  name: 'FLUX.1 [dev] SRPO',
  licence: {
    id: 'other',
    url: 'https://huggingface.co/tencent/SRPO',
    notice:
      'Converted weights of FLUX.1 [dev] (FLUX.1 [dev] Non-Commercial License) as fine-tuned by SRPO (academic use only). Both licences apply.',
  },
  sizes: FLUX_SRPO_SIZES,
  defaults: FLUX_SRPO_DEFAULTS,
  max_sequence_length: LIMITS.max_sequence_length[1],
};

/**
 * A model without guidance that nobody has named: FLUX.1 [schnell] or one of its kin, with
 * [schnell]'s steps and length of prompts. Its guidance is never read.
 *
 * @see https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/cli.py `num_steps = 4 if name == "flux-schnell"`, `max_length=256 if name == "flux-schnell"`
 */
const UNGUIDED_INFO: BundleInfo = {
  model: 'flux-text-to-image',
  name: 'FLUX.1 without guidance (name unknown)',
  licence: { id: 'unknown', notice: 'The source does not say its licence. It applies to the converted weights too.' },
  sizes: FLUX_SRPO_SIZES,
  defaults: { ...FLUX_SRPO_DEFAULTS, num_inference_steps: 4, guidance_scale: 0 },
  max_sequence_length: 256,
};

const FIELDS = [
  'model',
  'name',
  'licence',
  'sizes',
  'defaults',
  'examples',
  'preview',
  'step_cache',
  'source',
  'max_sequence_length',
];

/** Fields of a bundle's info from JSON. The manifest's check covers their values. */
export function parseBundleInfo(json: unknown): Partial<BundleInfo> {
  const unknown = isObject(json) ? Object.keys(json).find((key) => !FIELDS.includes(key)) : undefined;
  if (!isObject(json) || unknown !== undefined) {
    throw new InputError(`bundle info must be an object of ${FIELDS.join(', ')}, got ${unknown ?? typeof json}`, {
      code: 'input/type',
      details: { expected: FIELDS, got: unknown ?? typeof json },
    });
  }
  return json;
}

/**
 * The info with what nobody has given: FLUX.1 SRPO's, or that of an unknown model where the
 * transformer has no guidance embedding, which SRPO has.
 *
 * @returns `assumed`: what is taken for granted of this model, as half sentences for people
 */
export function completeInfo(
  given: Partial<BundleInfo>,
  { transformer }: ModelConfig,
): { info: BundleInfo; assumed: string[] } {
  const isGuided = transformer.guidance_embeds;
  const usual = isGuided ? FLUX_SRPO_INFO : UNGUIDED_INFO;
  const { num_inference_steps: steps, guidance_scale: guidance } = usual.defaults;
  const facts = {
    name: 'the name',
    licence: 'the licence',
    defaults: isGuided ? `the default of ${steps} steps with guidance ${guidance}` : `the default of ${steps} steps`,
    max_sequence_length: `the default of ${usual.max_sequence_length} tokens`,
  };
  const listed = (fields: readonly (keyof typeof facts)[]) =>
    fields
      .filter((field) => given[field] === undefined)
      .map((field) => facts[field])
      .join(', ');
  const defaults = listed(['defaults', 'max_sequence_length']);
  const sentences = isGuided
    ? [[listed(['name', 'licence', 'defaults', 'max_sequence_length']), 'taken from FLUX.1 [dev] SRPO']]
    : [
        [listed(['name', 'licence']), 'unknown'],
        [defaults, 'taken from FLUX.1 [schnell], because the transformer has no guidance embedding'],
      ];
  const assumed = sentences.filter(([what]) => what !== '').map(([what, how]) => `${how}: ${what}`);
  return { info: { ...usual, ...given }, assumed };
}
