import { FLUX_SRPO_SIZES, InputError, isSizePreset, parseSize } from '@flux-srpo/core';
import { writePath } from '../wire/json-path.ts';
import type { CheckedRequest, RequestWarning, Transport } from '../wire/request.ts';
import { SERVICE_FIELDS, type ServiceDescription, type ServiceField } from './service.ts';

/** Values that change nothing. A service without the field does the same. */
const NEUTRAL: Partial<Record<ServiceField, unknown>> = { acceleration: 'none', enable_safety_checker: false, n: 1 };

/**
 * A parsed request in the service's words.
 *
 * @throws InputError for a field that would change the picture and that the service does not have
 */
export function writeRequest(
  service: ServiceDescription,
  parsed: CheckedRequest,
  transport: Transport,
  warn: (warning: RequestWarning) => void,
): Record<string, unknown> {
  const { fields, omitted = [], defaults, constants, embedding } = service.request;
  const request: CheckedRequest = { ...defaults, ...parsed };
  const { stream } = service.request;
  if (request.stream === true && stream === undefined) {
    throw unsupported(service, 'stream', 'its answers come whole; leave it out');
  }
  const body: Record<string, unknown> = { ...constants };
  const embedded: Record<string, unknown> = {};
  for (const name of SERVICE_FIELDS) {
    const value = request[name];
    // The prompt comes last: it may carry the others.
    if (name === 'prompt' || value === undefined || omitted.includes(name)) continue;
    const field = fields[name];
    if (field === undefined) {
      if (value !== NEUTRAL[name]) throw unsupported(service, name, 'leave it out');
      continue;
    }
    for (const path of field.to) writePath(field.isEmbedded ? embedded : body, path, value);
    if (field.warning !== undefined) warn({ field: name, reason: field.warning });
  }
  writeSize(service, request, body);
  if (service.request.transport !== undefined) {
    const { to, values } = service.request.transport;
    writePath(body, to, values[request.stream === true ? 'b64_json' : transport]);
  }
  if (request.stream === true && stream !== undefined) {
    writePath(body, stream.to, true);
    writePath(body, stream.partials, request.partial_images ?? 0);
  }
  const prompt = embedding === undefined ? request.prompt : embed(request.prompt, embedded, embedding);
  for (const path of fields.prompt?.to ?? []) writePath(body, path, prompt);
  return body;
}

function writeSize(service: ServiceDescription, request: CheckedRequest, body: Record<string, unknown>): void {
  const { presets, pixels } = service.request;
  // `image_size` is the caller's own, `size` may be a default.
  const asked = request.image_size ?? request.size;
  if (asked === undefined || asked === 'auto') return;
  if (typeof asked === 'string' && isSizePreset(asked)) {
    const { width, height } = FLUX_SRPO_SIZES[asked];
    writePath(body, presets.to, presets.as === 'name' ? asked : `${width}x${height}`);
    return;
  }
  const { width, height } = typeof asked === 'string' ? parseSize(asked) : asked;
  writePath(body, pixels.to, pixels.as === 'object' ? { width, height } : `${width}x${height}`);
}

/**
 * The prompt, followed by the values that have no field of their own. A prompt that holds such a
 * mark is refused: it could set anything.
 */
function embed(prompt: string, values: Record<string, unknown>, { open, close }: { open: string; close: string }) {
  if (prompt.includes(open) || prompt.includes(close)) {
    throw new InputError(`prompt must not contain ${open} or ${close}, which the service takes for settings`, {
      code: 'input/conflict',
      details: { field: 'prompt' },
    });
  }
  return Object.keys(values).length === 0 ? prompt : `${prompt} ${open}${JSON.stringify(values)}${close}`;
}

function unsupported(service: ServiceDescription, field: string, next: string): InputError {
  return new InputError(`${field} is not supported by the remote service "${service.name}"; ${next}`, {
    code: 'input/field-unsupported',
    details: { field, service: service.name },
  });
}
