import type { Path } from '../wire/json-path.ts';
import type { ErrorPaths } from '../wire/remote-errors.ts';
import type { CheckedRequest, Transport } from '../wire/request.ts';

/**
 * How a service spells the endpoint's contract. Services differ in this plain data alone; no code
 * asks which one it talks to. `remote: { service: { … } }` takes a description of your own, and
 * refuses one with a mistake in it before anything is sent.
 *
 * @example
 * const service: ServiceDescription = {
 *   name: 'mine',
 *   path: '/draw',
 *   auth: { header: 'Authorization', scheme: 'Bearer' },
 *   request: {
 *     fields: { prompt: { to: ['input.text'] }, seed: { to: ['input.seed'] } },
 *     presets: { to: 'input.size', as: 'WIDTHxHEIGHT' },
 *     pixels: { to: 'input.size', as: 'WIDTHxHEIGHT' },
 *   },
 *   answer: { images: 'pictures', image: { b64_json: 'png' } },
 * };
 */
export interface ServiceDescription {
  /** For messages. */
  name: string;
  /**
   * Comes after `baseURL`. Where the two overlap (`…/v1` and `/v1/images/generations`), the common
   * part is taken once.
   */
  path: string;
  /** Where the list of models is, likewise. Absent where there is none. */
  models?: string;
  auth: AuthDescription;
  request: RequestDescription;
  answer: AnswerDescription;
  /** Where a refusal says what. @default OpenAI's places, and FastAPI's */
  error?: ErrorPaths;
}

/** How a service takes the key. */
export interface AuthDescription {
  header: string;
  /**
   * Comes before a bare key, with a blank between. Absent where the service wants the key alone.
   */
  scheme?: string;
}

/** Fields whose value goes over as it is, under the service's name. */
export type ServiceField = (typeof SERVICE_FIELDS)[number];

export const SERVICE_FIELDS = [
  'model',
  'prompt',
  'n',
  'seed',
  'num_inference_steps',
  'guidance_scale',
  'acceleration',
  'enable_safety_checker',
  'max_sequence_length',
] as const;

/** How a service takes a request. */
export interface RequestDescription {
  /**
   * A field that is absent here is one the service does not have: asking for it is an error, unless
   * its value changes nothing.
   */
  fields: Partial<Record<ServiceField, FieldDescription>>;
  /** Fields that the service has no use for, and that may be left out. */
  omitted?: readonly ServiceField[];
  /**
   * Sent for a field that the request leaves open, where the service's own default is not the
   * contract's.
   */
  defaults?: Partial<Pick<CheckedRequest, ServiceField | 'size'>>;
  /** Sent always. */
  constants?: Readonly<Record<string, unknown>>;
  /**
   * Constants that some models of the service refuse. After such a refusal the request is sent
   * again without them, and later ones for that model are sent without them at once.
   */
  dispensable?: readonly string[];
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
  isEmbedded?: boolean;
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
  /** Within one picture. Absent, `null` or `""`: not in this answer. */
  image: Partial<Record<'url' | 'b64_json' | 'revised_prompt' | 'seed', Path>>;
  /** Unix seconds, required. A service without it gets the time of arrival. */
  created?: Path;
  seed?: Path;
  /** One boolean per picture. */
  flagged?: Path;
  /** A list of `{ field, reason }`. */
  warnings?: Path;
}
