import { strict } from '@flux-srpo/core';
import type { Path } from '../wire/json-path.ts';
import { HEADER_NAME } from './check-options.ts';
import {
  type AnswerDescription,
  type AuthDescription,
  type FieldDescription,
  type RequestDescription,
  SERVICE_FIELDS,
  type ServiceDescription,
  type ServiceField,
} from './service.ts';

const { list, matching, object, oneOf, optional, record, text } = strict;

const any: strict.Read<unknown> = (value) => value;
const word = text(200);
/** A name that leads into the prototype of an object is no key. */
const path = matching(/^(?!(.*\.)?__proto__(\.|$))[^.]+(\.[^.]+)*$/, 'keys joined by dots') as strict.Read<Path>;
const paths = list(path, 1, 20);
const segments = matching(/^(\/[^?#]*)?$/, '"" or a path that starts with /');

const field = object<FieldDescription>({
  to: paths,
  isEmbedded: optional(strict.boolean),
  warning: optional(word),
});

/** One optional reader for each name. */
function each<const Name extends string, T>(names: readonly Name[], read: strict.Read<T>) {
  const fields = Object.fromEntries(names.map((name) => [name, optional(read)]));
  return object<Partial<Record<Name, T>>>(fields as strict.Fields<Partial<Record<Name, T>>>);
}

const request = object<RequestDescription>({
  fields: each<ServiceField, FieldDescription>(SERVICE_FIELDS, field),
  omitted: optional(list(oneOf(...SERVICE_FIELDS), 0, SERVICE_FIELDS.length)),
  defaults: optional(
    each([...SERVICE_FIELDS, 'size'], any) as strict.Read<NonNullable<RequestDescription['defaults']>>,
  ),
  constants: optional(record(word, any, 100)),
  presets: object({ to: path, as: oneOf('name', 'WIDTHxHEIGHT') }),
  pixels: object({ to: path, as: oneOf('object', 'WIDTHxHEIGHT') }),
  transport: optional(object({ to: path, values: object({ url: any, b64_json: any }) })),
  stream: optional(object({ to: path, partials: path })),
  embedding: optional(object({ open: word, close: word })),
});

const answer = object<AnswerDescription>({
  images: path,
  image: each(['url', 'b64_json', 'revised_prompt', 'seed'], path),
  created: optional(path),
  seed: optional(path),
  flagged: optional(path),
  warnings: optional(path),
});

/** A description that came from outside, built anew. @throws InputError that names the field */
export const readService: strict.Read<ServiceDescription> = object<ServiceDescription>({
  name: word,
  path: segments,
  models: optional(segments),
  auth: object<AuthDescription>({
    header: matching(HEADER_NAME, 'the name of a header'),
    scheme: optional(matching(/^[\w-]+$/, 'one word, such as Bearer')),
  }),
  request,
  answer,
  error: optional(object({ message: paths, type: paths, param: paths, code: paths })),
});
