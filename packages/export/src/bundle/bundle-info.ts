import { FLUX_SRPO_DEFAULTS, FLUX_SRPO_SIZES, InputError, LIMITS, type Manifest } from '@flux-srpo/core';
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

/** `FLUX_SRPO_INFO` with a JSON document's fields. The manifest's check covers their values. */
export function parseBundleInfo(json: unknown): BundleInfo {
  const unknown = isObject(json) ? Object.keys(json).find((key) => !FIELDS.includes(key)) : undefined;
  if (!isObject(json) || unknown !== undefined) {
    throw new InputError(`bundle info must be an object of ${FIELDS.join(', ')}, got ${unknown ?? typeof json}`, {
      code: 'input/type',
      details: { expected: FIELDS, got: unknown ?? typeof json },
    });
  }
  return { ...FLUX_SRPO_INFO, ...json };
}
