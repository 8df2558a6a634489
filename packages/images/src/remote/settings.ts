import { strict } from '@flux-srpo/core';
import type { Path } from '../wire/json-path.ts';
import { anything, checkOptions, type RemoteOptions, type RemoteTimeouts, readHeaderName } from './options.ts';
import {
  type AnswerDescription,
  type FieldDescription,
  type RequestDescription,
  SERVICE_FIELDS,
  type ServiceDescription,
} from './service-description.ts';
import { SERVICES } from './services.ts';

/** The options with every default filled in. */
export type RemoteSettings = ReturnType<typeof resolveOptions>;

const TIMEOUTS: RemoteTimeouts = { key: 30_000, headers: 600_000, stall: 60_000, total: 900_000 };
const MAX_BYTES = 64 * 2 ** 20;

/** @param at where the caller wrote the options @throws InputError that names the option */
export function resolveOptions(options: RemoteOptions, at: string) {
  const checked = checkOptions(options, at);
  const { service = 'flux-srpo', timeouts, imageOrigins } = checked;
  return {
    headers: {},
    maxBytes: MAX_BYTES,
    // Called without a `this`: browsers refuse their fetch as a method of something else.
    fetch: ((input, init) => globalThis.fetch(input, init)) as typeof fetch,
    ...checked,
    service:
      typeof service === 'string'
        ? (SERVICES[service] as ServiceDescription)
        : readService(service, strict.fieldPath(at, 'service')),
    timeouts: { ...TIMEOUTS, ...timeouts },
    imageOrigins: new Set(imageOrigins?.map((origin) => new URL(origin).origin)),
  };
}

const { boolean, list, matching, object, oneOf, optional, record } = strict;

const word = strict.text(200);
/** A name that leads into the prototype of an object is no key. */
const path: strict.Read<Path> = matching(/^(?!(.*\.)?__proto__(\.|$))[^.]+(\.[^.]+)*$/, 'keys joined by dots');
const paths = list(path, 1, 20);
const segments = matching(/^(\/[^?#]*)?$/, '"" or a path that starts with /');

/** Fields that may each be absent, and are all read alike. */
function each<Name extends string, T>(names: readonly Name[], read: strict.Read<T>) {
  return Object.fromEntries(names.map((name) => [name, optional(read)])) as Record<
    Name,
    typeof read & { isOptional: true }
  >;
}

const field = object<FieldDescription>({ to: paths, isEmbedded: optional(boolean), warning: optional(word) });

/** A description that came from outside, built anew. @throws InputError that names the field */
const readService = object<ServiceDescription>({
  name: word,
  path: segments,
  models: optional(segments),
  auth: object({ header: readHeaderName, scheme: optional(matching(/^[\w-]+$/, 'one word, such as Bearer')) }),
  request: object<RequestDescription>({
    fields: object(each(SERVICE_FIELDS, field)),
    omitted: optional(list(oneOf(...SERVICE_FIELDS), 0, SERVICE_FIELDS.length)),
    defaults: optional(object(each([...SERVICE_FIELDS, 'size'], anything))),
    constants: optional(record(word, anything, 100)),
    dispensable: optional(list(word, 1, 100)),
    presets: object({ to: path, as: oneOf('name', 'WIDTHxHEIGHT') }),
    pixels: object({ to: path, as: oneOf('object', 'WIDTHxHEIGHT') }),
    transport: optional(object({ to: path, values: object({ url: anything, b64_json: anything }) })),
    stream: optional(object({ to: path, partials: path })),
    embedding: optional(object({ open: word, close: word })),
  }),
  answer: object<AnswerDescription>({
    images: path,
    image: object(each(['url', 'b64_json', 'revised_prompt', 'seed'], path)),
    ...each(['created', 'seed', 'flagged', 'warnings'], path),
  }),
  error: optional(object({ message: paths, type: paths, param: paths, code: paths })),
});
