import { FLUX_SRPO_SIZES, type ImageSize, isSizePreset, parseSize } from '@flux-srpo/core';
import { writePath } from '../wire/json-path.ts';
import type { CheckedRequest, RequestWarning, Transport } from '../wire/request.ts';
import { conflict, unsupported } from '../wire/rules.ts';
import {
  type RequestDescription,
  SERVICE_FIELDS,
  type ServiceDescription,
  type ServiceField,
} from './service-description.ts';

type Body = Record<string, unknown>;

/** Values that change nothing. A service without the field does the same. */
const NEUTRAL: Partial<Record<ServiceField, unknown>> = { acceleration: 'none', enable_safety_checker: false, n: 1 };

/**
 * A parsed request in the service's words.
 *
 * @throws InputError for a field that would change the picture and that the service does not have
 */
export function writeRequest(
  { name: service, request: described }: ServiceDescription,
  parsed: CheckedRequest,
  format: Transport,
  warn: (warning: RequestWarning) => void,
): Body {
  const { fields, omitted = [], defaults, constants, transport, stream, embedding } = described;
  const request: CheckedRequest = { ...defaults, ...parsed };
  const refuse = (field: string, next: string): never => {
    throw unsupported(field, `${field} is not supported by the remote service "${service}"; ${next}`);
  };
  const body: Body = { ...constants };
  const embedded: Body = {};
  for (const name of SERVICE_FIELDS) {
    const value = request[name];
    // The prompt comes last: it may carry the others.
    if (name === 'prompt' || value === undefined || omitted.includes(name)) continue;
    const field = fields[name];
    if (field === undefined && value !== NEUTRAL[name]) refuse(name, 'leave it out');
    for (const path of field?.to ?? []) writePath(field?.isEmbedded ? embedded : body, path, value);
    if (field?.warning !== undefined) warn({ field: name, reason: field.warning });
  }
  // `image_size` is the caller's own, `size` may be a default.
  const size = request.image_size ?? request.size;
  if (size !== undefined && size !== 'auto') writeSize(described, size, body);
  const wanted = request.stream === true ? 'b64_json' : format;
  if (transport !== undefined) writePath(body, transport.to, transport.values[wanted]);
  if (request.stream === true) {
    const { to, partials } = stream ?? refuse('stream', 'its answers come whole; leave it out');
    writePath(body, to, true);
    writePath(body, partials, request.partial_images ?? 0);
  }
  const prompt = embedding === undefined ? request.prompt : embed(request.prompt, embedded, embedding);
  for (const path of fields.prompt?.to ?? []) writePath(body, path, prompt);
  return body;
}

function writeSize({ presets, pixels }: RequestDescription, size: string | ImageSize, body: Body): void {
  const preset = typeof size === 'string' && isSizePreset(size) ? FLUX_SRPO_SIZES[size] : undefined;
  const { to, as } = preset === undefined ? pixels : presets;
  const { width, height } = preset ?? (typeof size === 'string' ? parseSize(size) : size);
  writePath(body, to, { name: size, object: { width, height }, WIDTHxHEIGHT: `${width}x${height}` }[as]);
}

/**
 * The prompt, followed by the values that have no field of their own. A prompt that holds such a
 * mark is refused: it could set anything.
 */
function embed(prompt: string, values: Body, { open, close }: { open: string; close: string }): string {
  if (prompt.includes(open) || prompt.includes(close)) {
    throw conflict('prompt', `prompt must not contain ${open} or ${close}, which the service takes for settings`);
  }
  return Object.keys(values).length === 0 ? prompt : `${prompt} ${open}${JSON.stringify(values)}${close}`;
}
