import { ModelError } from '../errors.ts';
import { LIMITS, SIZE_PRESETS, type SizePreset } from '../limits.ts';
import type {
  ClipConfig,
  ModelConfig,
  SchedulerConfig,
  T5Config,
  TransformerConfig,
  VaeConfig,
} from '../model/config.ts';
import { type ImageSize, PIXELS_PER_TOKEN } from '../picture/geometry.ts';
import {
  boolean,
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
  such,
  text,
} from '../strict.ts';
import {
  type BundleFile,
  type BundlePart,
  CHUNK_BYTES,
  MANIFEST_SCHEMA,
  type Manifest,
  type MergedLora,
  type QuantizationFallback,
  SAFETY_CHECKER_FILES,
  type SafetyChecker,
} from './manifest.ts';
import { WEIGHT_CLASSES } from './weight-class.ts';

/** FLUX.1's manifest is about 0.5 MB; beyond this nothing is parsed. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** What a tokenizer is read from. */
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'];

const MAX_FILES = 10_000;
const MIN_CHUNK_BYTES = 4096;

/** Wide enough for any network of this family, narrow enough that products of three stay exact. */
const dimension = integer(1, 1 << 17);
const count = integer(1, 1024);
const name = matching(/^[A-Za-z0-9._-]{1,128}$/, '1 to 128 characters of A-Z a-z 0-9 . _ -');
const sha256 = matching(/^[0-9a-f]{64}$/, '64 lower-case hex digits');
const weightClass = oneOf(...WEIGHT_CLASSES);
const preset = oneOf<SizePreset>(...SIZE_PRESETS);

/** One or two segments; `.` and `..` are not names. */
const path = matching(
  /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,128}(?:\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,128})?$/,
  'one or two segments of 1 to 128 characters of A-Z a-z 0-9 . _ -',
);
const folder = matching(
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/,
  'one segment of 1 to 128 characters of A-Z a-z 0-9 . _ -',
);

const transformer = object<TransformerConfig>({
  in_channels: dimension,
  num_layers: integer(0, 1024),
  num_single_layers: integer(0, 1024),
  attention_head_dim: dimension,
  num_attention_heads: count,
  joint_attention_dim: dimension,
  pooled_projection_dim: dimension,
  guidance_embeds: boolean,
  axes_dims_rope: list(integer(0, 4096), 3, 3) as Read<readonly number[]> as Read<TransformerConfig['axes_dims_rope']>,
});

const clip = object<ClipConfig>({
  vocab_size: integer(1, 1 << 24),
  hidden_size: dimension,
  intermediate_size: dimension,
  num_hidden_layers: count,
  num_attention_heads: count,
  max_position_embeddings: dimension,
  layer_norm_eps: number(0, 1),
  hidden_act: oneOf('quick_gelu', 'gelu'),
  eos_token_id: integer(0, 1 << 24),
});

const t5 = object<T5Config>({
  vocab_size: integer(1, 1 << 24),
  d_model: dimension,
  d_kv: dimension,
  d_ff: dimension,
  num_layers: count,
  num_heads: count,
  relative_attention_num_buckets: integer(2, 4096),
  relative_attention_max_distance: integer(2, 1 << 20),
  layer_norm_epsilon: number(0, 1),
  dense_act_fn: oneOf('gelu_new'),
});

const vae = object<VaeConfig>({
  latent_channels: dimension,
  block_out_channels: list(dimension, 1, 8),
  layers_per_block: integer(1, 16),
  norm_num_groups: dimension,
  mid_block_add_attention: boolean,
  scaling_factor: number(1e-6, 1e6),
  shift_factor: number(-1e6, 1e6),
});

const scheduler = object<SchedulerConfig>({
  use_dynamic_shifting: boolean,
  shift: number(1e-6, 1e6),
  base_image_seq_len: integer(1, 1 << 24),
  max_image_seq_len: integer(1, 1 << 24),
  base_shift: number(-1e3, 1e3),
  max_shift: number(-1e3, 1e3),
});

const side = such(
  integer(...LIMITS.side),
  `a multiple of ${PIXELS_PER_TOKEN}`,
  (pixels) => pixels % PIXELS_PER_TOKEN === 0,
);
const size = object<ImageSize>({ width: side, height: side });
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
  config: object<ModelConfig>({ transformer, text_encoder: clip, text_encoder_2: t5, vae, scheduler }),
  tokenizers: object<Manifest['tokenizers']>({ tokenizer, tokenizer_2: tokenizer }),
  sizes: object<Record<SizePreset, ImageSize>>({
    square_hd: size,
    square: size,
    portrait_4_3: size,
    portrait_16_9: size,
    landscape_4_3: size,
    landscape_16_9: size,
  }),
  defaults: object<Manifest['defaults']>({
    size: preset,
    num_inference_steps: integer(...LIMITS.num_inference_steps),
    guidance_scale: number(...LIMITS.guidance_scale),
  }),
  examples: optional(list(prose(2000), 0, 1000)),
  step_cache: optional(object<NonNullable<Manifest['step_cache']>>({ regular: number(0, 10), high: number(0, 10) })),
  preview: optional(object<NonNullable<Manifest['preview']>>({ rows: list(rgb, 1, 1024), bias: rgb })),
  safety_checker: optional(
    object<SafetyChecker>({
      folder,
      flagged: list(text(200), 1, 1000),
      threshold: number(0, 1),
      notice: prose(2000),
    }),
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
    object<BundleFile>({
      path,
      size: integer(0, Number.MAX_SAFE_INTEGER),
      sha256,
      chunks: list(sha256, 0, 100_000),
    }),
    1,
    MAX_FILES,
  ),
});

/**
 * The manifest in this text, every promise in it checked that can be checked without the other files.
 * Whoever read the text bounds its bytes by `MAX_MANIFEST_BYTES` first.
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
    throw new ModelError(`manifest: the document must be JSON, got: ${message}`, {
      code: 'model/manifest-invalid',
      details: { field: '', expected: 'JSON' },
      cause,
    });
  }
}

/** First, because a document of another version is not wrong, only not for this library. */
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

function assertConfig({ transformer: dit, text_encoder, text_encoder_2, vae: decoder }: ModelConfig): void {
  const rotary = dit.axes_dims_rope.reduce((sum, dims) => sum + dims, 0);
  if (rotary !== dit.attention_head_dim || dit.axes_dims_rope.some((dims) => dims % 2 !== 0)) {
    throw refusal(
      'config.transformer.axes_dims_rope',
      `three even numbers that sum to ${dit.attention_head_dim}`,
      `[${dit.axes_dims_rope}]`,
    );
  }
  if (text_encoder.hidden_size % text_encoder.num_attention_heads !== 0) {
    throw refusal(
      'config.text_encoder.hidden_size',
      `a multiple of ${text_encoder.num_attention_heads} heads`,
      text_encoder.hidden_size,
    );
  }
  agree('config.text_encoder.hidden_size', dit.pooled_projection_dim, text_encoder.hidden_size);
  agree('config.text_encoder_2.d_model', dit.joint_attention_dim, text_encoder_2.d_model);
  agree('config.vae.latent_channels', dit.in_channels / 4, decoder.latent_channels);
  for (const channels of decoder.block_out_channels) {
    if (channels % decoder.norm_num_groups !== 0) {
      throw refusal('config.vae.block_out_channels', `multiples of ${decoder.norm_num_groups} groups`, channels);
    }
  }
}

function agree(field: string, expected: number, got: number): void {
  if (got !== expected) throw refusal(field, `${expected} as config.transformer says`, got);
}

function assertFiles({
  files,
  chunk_bytes,
  graphs,
  graphs_f16 = {},
  parts,
  tokenizers,
  safety_checker,
}: Manifest): void {
  const listed = new Set<string>();
  for (const [i, file] of files.entries()) {
    if (file.path === 'manifest.json') throw refusal(`files[${i}].path`, 'a file other than the manifest', file.path);
    if (listed.has(file.path)) throw refusal(`files[${i}].path`, 'listed once', file.path);
    listed.add(file.path);
    const chunks = Math.ceil(file.size / chunk_bytes);
    if (file.chunks.length !== chunks) {
      throw refusal(`files[${i}].chunks`, `${chunks} hashes for ${file.size} bytes`, file.chunks.length);
    }
  }
  for (const [graph, file] of Object.entries(graphs)) {
    if (!listed.has(file)) throw refusal(`graphs.${graph}`, 'one of files', file);
  }
  for (const [graph, file] of Object.entries(graphs_f16)) {
    if (!Object.hasOwn(graphs, graph)) throw refusal(`graphs_f16.${graph}`, 'one of graphs', graph);
    if (!listed.has(file)) throw refusal(`graphs_f16.${graph}`, 'one of files', file);
  }
  const names = new Set<string>();
  for (const [i, part] of parts.entries()) {
    if (names.has(part.name)) throw refusal(`parts[${i}].name`, 'used once', part.name);
    names.add(part.name);
    if (part.graph === undefined && part.weights === undefined)
      throw refusal(`parts[${i}]`, 'a graph, weights or both', part);
    if (part.graph !== undefined && !Object.hasOwn(graphs, part.graph))
      throw refusal(`parts[${i}].graph`, 'one of graphs', part.graph);
    if (part.weights !== undefined && !listed.has(part.weights))
      throw refusal(`parts[${i}].weights`, 'one of files', part.weights);
  }
  const assertFolder = (field: string, folder: string, needed: readonly string[]): void => {
    for (const file of needed) {
      if (!listed.has(`${folder}/${file}`)) throw refusal(field, `a folder with ${file} in files`, folder);
    }
  };
  for (const [kind, { folder }] of Object.entries(tokenizers)) {
    assertFolder(`tokenizers.${kind}.folder`, folder, TOKENIZER_FILES);
  }
  if (safety_checker) assertFolder('safety_checker.folder', safety_checker.folder, SAFETY_CHECKER_FILES);
}
