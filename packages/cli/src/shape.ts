import { readFile } from 'node:fs/promises';
import { FLUX1_DEV, InputError, type ModelConfig } from '@flux-srpo/core';

/** `flux-dev`, or a JSON file of what differs from the `config` of FLUX.1 [dev]. */
export async function readShape(value: string): Promise<ModelConfig> {
  if (value === 'flux-dev') return FLUX1_DEV;
  let json: unknown;
  try {
    json = JSON.parse(await readFile(value, 'utf8'));
  } catch (cause) {
    throw new InputError(`--shape must be flux-dev or a JSON file, and ${value} is neither`, {
      code: 'input/type',
      details: { field: 'shape' },
      cause,
    });
  }
  return overlay(FLUX1_DEV as unknown as Fields, json, 'shape') as unknown as ModelConfig;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * `base` with the fields of `json` in place of its own; fields that `base` does not have are
 * refused. Values are checked with the manifest.
 */
function overlay(base: Fields, json: unknown, where: string): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw unknownField(where, 'an object', json);
  const merged: Record<string, unknown> = { ...base };
  for (const [field, value] of Object.entries(json)) {
    if (!Object.hasOwn(base, field)) throw unknownField(`${where}.${field}`, Object.keys(base).join(', '), field);
    const own = base[field];
    const isGroup = typeof own === 'object' && own !== null && !Array.isArray(own);
    merged[field] = isGroup ? overlay(own as Fields, value, `${where}.${field}`) : value;
  }
  return merged;
}

function unknownField(where: string, expected: string, got: unknown): InputError {
  return new InputError(`${where} must be ${expected}, got ${JSON.stringify(got)?.slice(0, 40)}`, {
    code: 'input/field-unsupported',
    details: { field: where },
  });
}
