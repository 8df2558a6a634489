import type { ImageSize, SizePreset } from '@flux-srpo/core';
import type { CheckedRequest, Transport } from '../wire/request.ts';

/**
 * How a service spells the endpoint's contract. Services differ in data alone; no code asks which one it talks to.
 *
 * A `Path` leads into a JSON body: keys from the outside in, joined by dots, whole numbers for places in lists (`detail.0.msg`).
 */
export interface ServiceDescription {
  /** For messages. */
  name: string;
  /** Comes after `baseURL`; where the two overlap (`…/v1` and `/v1/images/generations`), once. */
  path: string;
  /** Where the list of models is, likewise; absent where there is none. */
  models?: string;
  /** Carries the key, verbatim. */
  authHeader: string;
  request: RequestDescription;
  answer: AnswerDescription;
  /** Where a refusal says what; the first path that leads to something counts. */
  error: Record<'message' | 'type' | 'param' | 'code', readonly Path[]>;
}

/** Keys from the outside in, joined by dots. */
export type Path = string;

/** Fields whose value goes over as it is, under the service's name. */
export type ServiceField =
  | 'model'
  | 'prompt'
  | 'n'
  | 'seed'
  | 'num_inference_steps'
  | 'guidance_scale'
  | 'acceleration'
  | 'enable_safety_checker'
  | 'max_sequence_length';

/** How a service takes a request. */
export interface RequestDescription {
  /** A field that is absent here is one the service does not have: asking for it is an error, unless its value changes nothing. */
  fields: Partial<Record<ServiceField, FieldDescription>>;
  /** Fields that the service has no use for, and that may be left out. */
  omitted?: readonly ServiceField[];
  /** Sent for a field that the request leaves open, where the service's own default is not the contract's. */
  defaults: Partial<Pick<CheckedRequest, ServiceField | 'size'>>;
  /** Sent always. */
  constants: Readonly<Record<string, unknown>>;
  presets: SizeSpelling<'name' | 'WIDTHxHEIGHT'>;
  pixels: SizeSpelling<'object' | 'WIDTHxHEIGHT'>;
  /** Absent where the service has one way to hand over pictures. */
  transport?: { to: Path; values: Readonly<Record<Transport, unknown>> };
  /** Absent where answers come whole. Else OpenAI's events, which carry pictures as base64. */
  stream?: {
    to: Path;
    /** How many rough pictures of each are wanted. */
    partials: Path;
  };
  /** Marks around the JSON of those fields that travel inside the prompt. */
  embedding?: { open: string; close: string };
}

/** Where one field goes. */
export interface FieldDescription {
  to: readonly Path[];
  /** Inside the prompt, between the marks of `embedding`. */
  isEmbedded?: true;
  /** What the caller is warned of when sending the field. */
  warning?: string;
}

/** Where a size goes, and in what form. */
export interface SizeSpelling<As extends string> {
  to: Path;
  as: As;
}

/** Where an answer has what. */
export interface AnswerDescription {
  images: Path;
  /** Within one picture. Absent or `""`: not in this answer. */
  image: Partial<Record<'url' | 'b64_json' | 'revised_prompt' | 'seed', Path>>;
  /** Unix seconds, required; a service without it gets the time of arrival. */
  created?: Path;
  seed?: Path;
  /** One boolean per picture. */
  flagged?: Path;
  /** A list of `{ field, reason }`. */
  warnings?: Path;
}

/** The preset names in pixels, for services that know pixels only. @see https://docs.fal.ai/documentation/model-apis/model-arguments */
export const PRESET_PIXELS: Readonly<Record<SizePreset, ImageSize>> = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
};
