import { describe, expect, it } from 'vitest';
import { isFluxError } from '../errors.ts';
import { FLUX1_DEV } from '../model/flux1-dev.ts';
import { CHUNK_BYTES, type Manifest } from './manifest.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from './manifest-parse.ts';

const HASH = '0123456789abcdef'.repeat(4);

function file(path: string, size = 10): Manifest['files'][number] {
  return { path, size, sha256: HASH, chunks: Array.from({ length: Math.ceil(size / CHUNK_BYTES) }, () => HASH) };
}

/** A small manifest in which every field is true. */
function truth(): Manifest {
  const size = { width: 64, height: 48 };
  return {
    schema: 1,
    model: 'flux-srpo-text-to-image',
    name: 'Test',
    licence: { id: 'Apache-2.0', url: 'https://example.org/licence', notice: 'Notice.\nSecond line.' },
    source: { transformer: 'random' },
    loras: [{ name: 'style.safetensors', sha256: HASH, strength: -0.5 }],
    config: FLUX1_DEV,
    tokenizers: {
      tokenizer: { folder: 'tokenizer', max_length: 77 },
      tokenizer_2: { folder: 'tokenizer_2', max_length: 512 },
    },
    sizes: {
      square_hd: size,
      square: size,
      portrait_4_3: size,
      portrait_16_9: size,
      landscape_4_3: size,
      landscape_16_9: size,
    },
    defaults: { size: 'square', num_inference_steps: 28, guidance_scale: 4.5 },
    examples: ['a cat'],
    preview: { rows: [[1, 0, -1]], bias: [0, 0, 0] },
    safety_checker: { folder: 'safety_checker', flagged: ['duck'], threshold: 0.5, notice: 'Looks for ducks.' },
    quantization: {
      recipe: { double: 'q4' },
      fallbacks: [{ tensor: 'vae_out/conv_out.weight', asked: 'q4', used: 'f16', reason: 'K = 9' }],
    },
    graphs: { double_block: 'graphs/double_block.onnx' },
    parts: [
      { name: 'double_block.0', graph: 'double_block', weights: 'weights/double_block.0.safetensors' },
      { name: 't5_embedding', weights: 'weights/t5_embedding.safetensors' },
    ],
    chunk_bytes: CHUNK_BYTES,
    files: [
      file('graphs/double_block.onnx'),
      file('weights/double_block.0.safetensors', 2 * CHUNK_BYTES + 1),
      file('weights/t5_embedding.safetensors', CHUNK_BYTES),
      file('tokenizer/tokenizer.json'),
      file('tokenizer/tokenizer_config.json'),
      file('tokenizer_2/tokenizer.json'),
      file('tokenizer_2/tokenizer_config.json', 0),
      file('safety_checker/config.json'),
      file('safety_checker/preprocessor_config.json'),
      file('safety_checker/model.onnx'),
    ],
  };
}

/**
 * The truth with the value at `path` (dots and numbers) replaced; `undefined` takes the field away.
 */
function lie(path: string, value: unknown): string {
  const document: unknown = JSON.parse(JSON.stringify(truth()));
  const keys = path.split('.');
  const last = keys.pop()!;
  const holder = keys.reduce((at, key) => (at as Record<string, unknown>)[key], document) as Record<string, unknown>;
  if (value === undefined) delete holder[last];
  else Object.defineProperty(holder, last, { value, enumerable: true, configurable: true, writable: true });
  return JSON.stringify(document);
}

/** [what is claimed, where, the value, the field the error must name] */
const LIES: [string, string, unknown, string][] = [
  ['no schema', 'schema', undefined, 'schema'],
  ['a schema in words', 'schema', '1', 'schema'],
  ['a schema between versions', 'schema', 1.5, 'schema'],
  ['no model', 'model', undefined, 'model'],
  ['a model that is a number', 'model', 1, 'model'],
  ['a model name with a slash', 'model', 'a/b', 'model'],
  ['an empty name', 'name', '', 'name'],
  ['a name with a line break', 'name', 'a\nb', 'name'],
  ['a name of 201 characters', 'name', 'a'.repeat(201), 'name'],
  ['a field nobody asked for', 'extra', 1, 'extra'],
  ['a prototype', '__proto__', { model: 'x' }, '__proto__'],
  ['a constructor', 'constructor', {}, 'constructor'],
  ['a licence that is a string', 'licence', 'MIT', 'licence'],
  ['a licence link that runs', 'licence.url', 'javascript:alert(1)', 'licence.url'],
  ['a licence link without encryption', 'licence.url', 'http://example.org', 'licence.url'],
  ['a null notice', 'licence.notice', null, 'licence.notice'],
  ['a source that is a list', 'source', [], 'source'],
  ['a source with a strange key', 'source', { 'a b': 'c' }, 'source key'],
  ['LoRAs that are none', 'loras', [], 'loras'],
  ['a LoRA without its hash', 'loras.0.sha256', undefined, 'loras[0].sha256'],
  ['a LoRA of a strength in words', 'loras.0.strength', '0.8', 'loras[0].strength'],
  ['a LoRA with a name of two lines', 'loras.0.name', 'a\nb', 'loras[0].name'],
  ['no config', 'config', undefined, 'config'],
  ['no transformer', 'config.transformer', undefined, 'config.transformer'],
  ['channels as text', 'config.transformer.in_channels', '64', 'config.transformer.in_channels'],
  ['minus one layer', 'config.transformer.num_layers', -1, 'config.transformer.num_layers'],
  ['half a layer', 'config.transformer.num_single_layers', 0.5, 'config.transformer.num_single_layers'],
  ['a billion heads', 'config.transformer.num_attention_heads', 1e9, 'config.transformer.num_attention_heads'],
  ['guidance as a number', 'config.transformer.guidance_embeds', 1, 'config.transformer.guidance_embeds'],
  ['two rope axes', 'config.transformer.axes_dims_rope', [64, 64], 'config.transformer.axes_dims_rope'],
  ['rope axes of another sum', 'config.transformer.axes_dims_rope', [16, 56, 54], 'config.transformer.axes_dims_rope'],
  ['odd rope axes', 'config.transformer.axes_dims_rope', [15, 57, 56], 'config.transformer.axes_dims_rope'],
  ['an unknown config field', 'config.transformer.patch_size', 1, 'config.transformer.patch_size'],
  ['a CLIP of another width', 'config.text_encoder.hidden_size', 1020, 'config.text_encoder.hidden_size'],
  ['an unknown activation', 'config.text_encoder.hidden_act', 'relu', 'config.text_encoder.hidden_act'],
  ['a T5 of another width', 'config.text_encoder_2.d_model', 2048, 'config.text_encoder_2.d_model'],
  [
    'a NaN epsilon, which JSON writes as null',
    'config.text_encoder_2.layer_norm_epsilon',
    Number.NaN,
    'config.text_encoder_2.layer_norm_epsilon',
  ],
  ['no VAE channels', 'config.vae.block_out_channels', [], 'config.vae.block_out_channels'],
  [
    'VAE channels that groups cannot split',
    'config.vae.block_out_channels',
    [128, 250],
    'config.vae.block_out_channels',
  ],
  ['a scaling factor of zero', 'config.vae.scaling_factor', 0, 'config.vae.scaling_factor'],
  ['latents that do not pack', 'config.vae.latent_channels', 8, 'config.vae.latent_channels'],
  ['a tokenizer outside', 'tokenizers.tokenizer.folder', '..', 'tokenizers.tokenizer.folder'],
  ['a tokenizer in a deeper folder', 'tokenizers.tokenizer.folder', 'a/b', 'tokenizers.tokenizer.folder'],
  ['a tokenizer that is not listed', 'tokenizers.tokenizer_2.folder', 'elsewhere', 'tokenizers.tokenizer_2.folder'],
  ['an endless prompt', 'tokenizers.tokenizer.max_length', 1e9, 'tokenizers.tokenizer.max_length'],
  ['a missing preset', 'sizes.square', undefined, 'sizes.square'],
  ['a width off the grid', 'sizes.square.width', 65, 'sizes.square.width'],
  ['a width of nothing', 'sizes.square.width', 0, 'sizes.square.width'],
  ['an unknown default size', 'defaults.size', 'huge', 'defaults.size'],
  ['no steps', 'defaults.num_inference_steps', 0, 'defaults.num_inference_steps'],
  ['guidance below zero', 'defaults.guidance_scale', -1, 'defaults.guidance_scale'],
  ['an example that is a number', 'examples.0', 5, 'examples[0]'],
  ['a preview of two colours', 'preview.rows.0', [1, 2], 'preview.rows[0]'],
  ['a checker that is true', 'safety_checker', true, 'safety_checker'],
  ['a checker without a folder', 'safety_checker.folder', undefined, 'safety_checker.folder'],
  ['a checker outside', 'safety_checker.folder', '..', 'safety_checker.folder'],
  ['a checker in a deeper folder', 'safety_checker.folder', 'a/b', 'safety_checker.folder'],
  ['a checker that is not listed', 'safety_checker.folder', 'tokenizer', 'safety_checker.folder'],
  ['a checker without its weights', 'files.9.path', 'safety_checker/other.onnx', 'safety_checker.folder'],
  ['a checker that flags nothing', 'safety_checker.flagged', [], 'safety_checker.flagged'],
  ['a checker that flags one word', 'safety_checker.flagged', 'duck', 'safety_checker.flagged'],
  ['a flagged label that is a number', 'safety_checker.flagged.0', 6, 'safety_checker.flagged[0]'],
  ['an empty flagged label', 'safety_checker.flagged.0', '', 'safety_checker.flagged[0]'],
  ['a threshold above one', 'safety_checker.threshold', 1.01, 'safety_checker.threshold'],
  ['a threshold below zero', 'safety_checker.threshold', -0.01, 'safety_checker.threshold'],
  ['a threshold in words', 'safety_checker.threshold', '0.5', 'safety_checker.threshold'],
  ['a checker that does not say what it looks for', 'safety_checker.notice', undefined, 'safety_checker.notice'],
  ['a field a checker has not', 'safety_checker.url', 'https://example.org', 'safety_checker.url'],
  ['an unknown weight class', 'quantization.recipe.double', 'q3', 'quantization.recipe.double'],
  ['a fallback without a reason', 'quantization.fallbacks.0.reason', undefined, 'quantization.fallbacks[0].reason'],
  ['a graph that is not listed', 'graphs.double_block', 'graphs/other.onnx', 'graphs.double_block'],
  ['a half graph that is not listed', 'graphs_f16', { double_block: 'graphs/other.onnx' }, 'graphs_f16.double_block'],
  ['a half graph of no graph', 'graphs_f16', { other: 'graphs/double_block.onnx' }, 'graphs_f16.other'],
  ['a graph path that climbs', 'graphs.double_block', '../x.onnx', 'graphs.double_block'],
  ['a graph of 17 MB', 'files.0', file('graphs/double_block.onnx', 17e6), 'the size of graphs/double_block.onnx'],
  ['a tokenizer of 9 MB', 'files.3', file('tokenizer/tokenizer.json', 9e6), 'the size of tokenizer/tokenizer.json'],
  [
    'a tokenizer that is configured in 2 MB',
    'files.6',
    file('tokenizer_2/tokenizer_config.json', 2e6),
    'the size of tokenizer_2/tokenizer_config.json',
  ],
  [
    'a checker of 600 MiB and a byte',
    'files.9',
    file('safety_checker/model.onnx', 600 * 2 ** 20 + 1),
    'the size of safety_checker/model.onnx',
  ],
  ['no parts', 'parts', [], 'parts'],
  ['a part of an unknown graph', 'parts.0.graph', 'nothing', 'parts[0].graph'],
  ['a part of an inherited graph', 'parts.0.graph', 'toString', 'parts[0].graph'],
  ['a part whose weights are not listed', 'parts.0.weights', 'weights/x.safetensors', 'parts[0].weights'],
  ['two parts of one name', 'parts.1.name', 'double_block.0', 'parts[1].name'],
  ['a part of nothing', 'parts.1', { name: 'empty' }, 'parts[1]'],
  ['chunks of one byte', 'chunk_bytes', 1, 'chunk_bytes'],
  ['chunks of a gigabyte', 'chunk_bytes', 2 ** 30, 'chunk_bytes'],
  ['no files', 'files', [], 'files'],
  ['files as an object', 'files', {}, 'files'],
  ['a null file', 'files.0', null, 'files[0]'],
  ['a file twice', 'files.1', file('graphs/double_block.onnx'), 'files[1].path'],
  ['the manifest itself', 'files.0.path', 'manifest.json', 'files[0].path'],
  ['a size below zero', 'files.0.size', -1, 'files[0].size'],
  ['a size past 2^53', 'files.0.size', 2 ** 53, 'files[0].size'],
  ['a size with a fraction', 'files.0.size', 1.5, 'files[0].size'],
  ['an infinite size, which JSON writes as null', 'files.0.size', Number.POSITIVE_INFINITY, 'files[0].size'],
  ['a chunk too few', 'files.1.chunks', [HASH, HASH], 'files[1].chunks'],
  ['a chunk too many', 'files.0.chunks', [HASH, HASH], 'files[0].chunks'],
  ['a chunk of an empty file', 'files.6.chunks', [HASH], 'files[6].chunks'],
  ['a hash in capitals', 'files.0.sha256', HASH.toUpperCase(), 'files[0].sha256'],
  ['half a hash', 'files.0.chunks.0', HASH.slice(32), 'files[0].chunks[0]'],
];

/** Paths that would leave the folder, or mean something to some file system or server. */
const PATHS = [
  '',
  '.',
  '..',
  '/etc/passwd',
  '../x',
  'a/..',
  'a/../b',
  './a',
  'a/.',
  'a//b',
  'a/b/c',
  'a/',
  '..\\x',
  'C:x',
  'a\0b',
  '//host/x',
  'https://host/x',
  '%2e%2e/x',
  'a b',
  'ä',
  '\u202Egpj.x',
  'a'.repeat(129),
  'a?b',
  'a#b',
];

function refusal(json: string): { code: string; field: unknown; message: string } {
  try {
    parseManifest(json);
  } catch (error) {
    if (!isFluxError(error)) throw error;
    return { code: error.code, field: error.details.field, message: error.message };
  }
  throw new Error('expected a refusal');
}

describe('parseManifest', () => {
  it('gives back what is true, field by field', () => {
    expect(parseManifest(JSON.stringify(truth()))).toEqual(truth());
  });

  it('lets what is optional be absent', () => {
    const { examples: _examples, preview: _preview, safety_checker: _checker, ...rest } = truth();
    const { url: _url, notice: _notice, ...licence } = rest.licence;
    const minimal = { ...rest, licence };
    expect(parseManifest(JSON.stringify(minimal))).toEqual(minimal);
  });

  it.each(LIES)('refuses %s', (_claim, path, value, field) => {
    const refused = refusal(lie(path, value));
    expect(refused).toMatchObject({ code: 'model/manifest-invalid', field });
    expect(refused.message).toMatch(/must be .+, got .+|is required$|is not supported; supported: .+/);
  });

  it.each(PATHS)('refuses the path %j', (path) => {
    expect(refusal(lie('files.0.path', path))).toMatchObject({
      code: 'model/manifest-invalid',
      field: 'files[0].path',
    });
  });

  it.each(['a', 'A-b_c.1', '.hidden', '...', 'a/b', `${'a'.repeat(128)}/${'b'.repeat(128)}`])(
    'takes the path %j',
    (path) => {
      const document = truth();
      document.files.push(file(path));
      expect(parseManifest(JSON.stringify(document)).files.at(-1)?.path).toBe(path);
    },
  );

  it('says that another version needs another library, before it looks at anything else', () => {
    expect(refusal('{"schema":2,"unknown":true}').code).toBe('model/version-unsupported');
  });

  it.each(['', '{', '[]', 'null', '1', '"manifest"', '<!doctype html>', '{"schema":NaN}', '['.repeat(100_000)])(
    'refuses a document that starts %.20s',
    (json) => {
      expect(refusal(json).code).toBe('model/manifest-invalid');
    },
  );

  it('refuses a document that is too long before it is parsed', () => {
    expect(refusal(`${' '.repeat(MAX_MANIFEST_BYTES)}{`)).toMatchObject({ code: 'model/manifest-invalid', field: '' });
  });

  it('keeps a file’s words short in its messages', () => {
    expect(refusal(lie('model', '/'.repeat(100_000))).message.length).toBeLessThan(300);
    expect(refusal(lie('k'.repeat(100_000), 1)).message.length).toBeLessThan(500);
  });

  it('keeps prototypes out of lookups by name', () => {
    const { graphs, quantization } = parseManifest(JSON.stringify(truth()));
    expect(graphs.constructor).toBeUndefined();
    expect(quantization.recipe.toString).toBeUndefined();
  });
});
