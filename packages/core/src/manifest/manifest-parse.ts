import { ModelError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import {
  integer,
  list,
  matching,
  number,
  object,
  oneOf,
  optional,
  prose,
  type Read,
  readAs,
  record,
  refusal,
  text,
} from '../strict/index.ts';
import {
  type BundleFile,
  type BundlePart,
  CHUNK_BYTES,
  MANIFEST_SCHEMA,
  type Manifest,
  type MergedLora,
  type QuantizationFallback,
  type SafetyChecker,
} from './manifest.ts';
import { assertFiles } from './manifest-files.ts';
import { assertConfig, modelConfig } from './model-config-fields.ts';
import { presetSizes, requestDefaults } from './request-fields.ts';
import { parseWeightClass as weightClass } from './weight-class.ts';

/** The longest manifest that is parsed. FLUX.1's has about 0.5 MB. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const MAX_FILES = 10_000;
const MIN_CHUNK_BYTES = 4096;

const name = matching(/^[A-Za-z0-9._-]{1,128}$/, '1 to 128 characters of A-Z a-z 0-9 . _ -');
const sha256 = matching(/^[0-9a-f]{64}$/, '64 lower-case hex digits');

/** One or two segments; `.` and `..` are not names. */
const path = matching(
  /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,128}(?:\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,128})?$/,
  'one or two segments of 1 to 128 characters of A-Z a-z 0-9 . _ -',
);
const folder = matching(
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/,
  'one segment of 1 to 128 characters of A-Z a-z 0-9 . _ -',
);

const tokenizer = object<Manifest['tokenizers']['tokenizer']>({
  folder,
  max_length: integer(...LIMITS.max_sequence_length),
});

/** TypeScript does not know that a list of exactly three is a triple. */
const rgb = list(number(-1e3, 1e3), 3, 3) as Read<number[]> as Read<[number, number, number]>;

const manifest = object<Manifest>({
  schema: oneOf(MANIFEST_SCHEMA),
  model: name,
  name: text(200),
  licence: object<Manifest['licence']>({
    id: text(200),
    url: optional(matching(/^https:\/\/[^\s]{1,500}$/, 'an https address')),
    notice: optional(prose(10_000)),
  }),
  source: record(name, prose(2000), 100),
  loras: optional(
    list(
      object<MergedLora>({ name: text(300), sha256, strength: number(-Number.MAX_VALUE, Number.MAX_VALUE) }),
      1,
      1000,
    ),
  ),
  config: modelConfig,
  tokenizers: object<Manifest['tokenizers']>({ tokenizer, tokenizer_2: tokenizer }),
  sizes: presetSizes,
  defaults: requestDefaults,
  examples: optional(list(prose(2000), 0, 1000)),
  step_cache: optional(object<NonNullable<Manifest['step_cache']>>({ regular: number(0, 10), high: number(0, 10) })),
  preview: optional(object<NonNullable<Manifest['preview']>>({ rows: list(rgb, 1, 1024), bias: rgb })),
  safety_checker: optional(
    object<SafetyChecker>({ folder, flagged: list(text(200), 1, 1000), threshold: number(0, 1), notice: prose(2000) }),
  ),
  synthetic: optional(object<NonNullable<Manifest['synthetic']>>({ seed: integer(0, 2 ** 32 - 1) })),
  quantization: object<Manifest['quantization']>({
    recipe: record(name, weightClass, 100),
    fallbacks: list(
      object<QuantizationFallback>({ tensor: text(300), asked: weightClass, used: weightClass, reason: text(500) }),
      0,
      100_000,
    ),
  }),
  graphs: record(name, path, 1000),
  graphs_f16: optional(record(name, path, 1000)),
  parts: list(object<BundlePart>({ name, graph: optional(name), weights: optional(path) }), 1, MAX_FILES),
  chunk_bytes: integer(MIN_CHUNK_BYTES, CHUNK_BYTES),
  files: list(
    object<BundleFile>({ path, size: integer(0, Number.MAX_SAFE_INTEGER), sha256, chunks: list(sha256, 0, 100_000) }),
    1,
    MAX_FILES,
  ),
});

/**
 * Parses a manifest and checks everything that can be checked without the bundle's other files.
 * @param json at most {@link MAX_MANIFEST_BYTES}; the caller reads no more than that
 * @throws ModelError `model/manifest-invalid` or `model/version-unsupported`
 */
export function parseManifest(json: string): Manifest {
  return readAs(
    () => {
      if (json.length > MAX_MANIFEST_BYTES) throw refusal('', `at most ${MAX_MANIFEST_BYTES} bytes`, json.length);
      const document = parseJson(json);
      assertVersion(document);
      const parsed = manifest(document, '');
      assertConfig(parsed.config);
      assertFiles(parsed);
      return parsed;
    },
    ({ message, details }) => new ModelError(`manifest: ${message}`, { code: 'model/manifest-invalid', details }),
  );
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
    throw new ModelError(`manifest: the document must be JSON, got: ${message}; fetch or convert the model again`, {
      code: 'model/manifest-invalid',
      details: { field: '', expected: 'JSON' },
      cause,
    });
  }
}

/** Checked first: a manifest of another version is not wrong, this library only cannot read it. */
function assertVersion(document: unknown): void {
  const schema: unknown =
    typeof document === 'object' && document !== null
      ? Object.entries(document).find(([key]) => key === 'schema')?.[1]
      : undefined;
  if (!Number.isInteger(schema) || schema === MANIFEST_SCHEMA) return;
  throw new ModelError(
    `manifest: schema must be ${MANIFEST_SCHEMA}, got ${schema as number}; update this library or convert the model again`,
    { code: 'model/version-unsupported', details: { expected: MANIFEST_SCHEMA, got: schema } },
  );
}
