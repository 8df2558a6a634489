import { strict } from '@flux-srpo/core';
import type { Path } from '../wire/json-path.ts';
import { checkOptions, type RemoteOptions, type RemoteTimeouts, readHeaderName } from './options.ts';
import {
  type AnswerDescription,
  type FieldDescription,
  type RequestDescription,
  SERVICE_FIELDS,
  type ServiceDescription,
} from './service.ts';
import { SERVICES } from './services.ts';

/** The options with every default filled in. */
export type RemoteSettings = ReturnType<typeof resolveOptions>;

const TIMEOUTS: RemoteTimeouts = { key: 30_000, headers: 600_000, stall: 60_000, total: 900_000 };
const MAX_BYTES = 64 * 2 ** 20;

/** @throws InputError that names the option */
export function resolveOptions(options: RemoteOptions) {
  const checked = checkOptions(options);
  const { service: named = 'flux-srpo', timeouts, imageOrigins } = checked;
  const service: ServiceDescription = typeof named === 'string' ? SERVICES[named] : readService(named, 'service');
  return {
    headers: {},
    maxBytes: MAX_BYTES,
    // Called without a `this`: browsers refuse their fetch as a method of something else.
    fetch: ((input, init) => globalThis.fetch(input, init)) as typeof fetch,
    ...checked,
    service,
    timeouts: { ...TIMEOUTS, ...timeouts },
    imageOrigins: new Set(imageOrigins?.map((origin) => new URL(origin).origin)),
  };
}

const { list, matching, object, oneOf, optional, record, text } = strict;

const any: strict.Read<unknown> = (value) => value;
const word = text(200);
/** A name that leads into the prototype of an object is no key. */
const path: strict.Read<Path> = matching(/^(?!(.*\.)?__proto__(\.|$))[^.]+(\.[^.]+)*$/, 'keys joined by dots');
const paths = list(path, 1, 20);
const segments = matching(/^(\/[^?#]*)?$/, '"" or a path that starts with /');

/** An object that may have each of these fields. */
function each<Fields>(names: readonly (keyof Fields & string)[], read: strict.Read<unknown>): strict.Read<Fields> {
  return object(Object.fromEntries(names.map((name) => [name, optional(read)])) as strict.Fields<Fields>);
}

const field = object<FieldDescription>({ to: paths, isEmbedded: optional(strict.boolean), warning: optional(word) });

/** A description that came from outside, built anew. @throws InputError that names the field */
const readService = object<ServiceDescription>({
  name: word,
  path: segments,
  models: optional(segments),
  auth: object({ header: readHeaderName, scheme: optional(matching(/^[\w-]+$/, 'one word, such as Bearer')) }),
  request: object<RequestDescription>({
    fields: each(SERVICE_FIELDS, field),
    omitted: optional(list(oneOf(...SERVICE_FIELDS), 0, SERVICE_FIELDS.length)),
    defaults: optional(each([...SERVICE_FIELDS, 'size'], any)),
    constants: optional(record(word, any, 100)),
    presets: object({ to: path, as: oneOf('name', 'WIDTHxHEIGHT') }),
    pixels: object({ to: path, as: oneOf('object', 'WIDTHxHEIGHT') }),
    transport: optional(object({ to: path, values: object({ url: any, b64_json: any }) })),
    stream: optional(object({ to: path, partials: path })),
    embedding: optional(object({ open: word, close: word })),
  }),
  answer: object<AnswerDescription>({
    images: path,
    image: each(['url', 'b64_json', 'revised_prompt', 'seed'], path),
    created: optional(path),
    seed: optional(path),
    flagged: optional(path),
    warnings: optional(path),
  }),
  error: optional(object({ message: paths, type: paths, param: paths, code: paths })),
});
