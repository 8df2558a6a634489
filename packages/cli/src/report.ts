import { formatBytes, formatCount } from '@flux-srpo/core';
import type { BundleReport, TensorFileReport } from '@flux-srpo/export';

/** What `inspect` prints for people; `--json` prints the report itself. */

export function bundleText(report: BundleReport): string {
  const { manifest, identity, bytes, parts, classes, phases, files } = report;
  const { transformer, text_encoder_2: t5, text_encoder: clip, vae } = manifest.config;
  const hidden = transformer.num_attention_heads * transformer.attention_head_dim;
  const { recipe, fallbacks } = manifest.quantization;
  const lines = [
    `${manifest.name} (${manifest.model}), licence ${manifest.licence.id}`,
    `identity     ${identity}`,
    `size         ${formatBytes(bytes)} in ${formatCount(manifest.files.length + 1, 'file')}, ${formatCount(parts.length, 'part')}`,
    `transformer  ${transformer.num_layers} double + ${transformer.num_single_layers} single blocks, ` +
      `width ${hidden} (${transformer.num_attention_heads} × ${transformer.attention_head_dim})`,
    `T5           ${t5.num_layers} layers, width ${t5.d_model}; CLIP ${clip.num_hidden_layers} layers, width ${clip.hidden_size}`,
    `VAE          ${vae.block_out_channels.join(', ')} channels, ${vae.latent_channels} latent`,
    `sizes        ${Object.entries(manifest.sizes)
      .map(([name, { width, height }]) => `${name} ${width}x${height}`)
      .join(', ')}`,
    '',
    ...rows(
      ['made from', ''],
      [
        ...Object.entries(manifest.source),
        ...(manifest.loras ?? []).map(({ name, sha256, strength }) => ['lora', `${name} at ${strength} (${sha256})`]),
      ],
    ),
    '',
    ...rows(
      ['tensor class', 'asked', 'stored as', 'weights', 'bytes', 'bits/weight'],
      Object.entries(classes).map(([name, entry]) => [
        name,
        recipe[name] ?? 'f32',
        Object.keys(entry.dtypes).join(' + '),
        String(entry.weights),
        formatBytes(entry.bytes),
        entry.bitsPerWeight.toFixed(2),
      ]),
    ),
    '',
    ...rows(
      ['phase', 'on disk', 'in memory', 'largest part'],
      Object.entries(phases).map(([name, phase]) => [
        name,
        formatBytes(phase.bytes),
        formatBytes(phase.loadedBytes),
        formatBytes(phase.largestPartBytes),
      ]),
    ),
    ...(fallbacks.length === 0 ? [] : ['', 'stored wider than asked:']),
    ...fallbacks.map(({ tensor, asked, used, reason }) => `  ${tensor}: ${used} for ${asked}, ${reason}`),
    ...(files ? ['', ...rows(['file', 'state'], Object.entries(files))] : []),
  ];
  return `${lines.join('\n')}\n`;
}

export function tensorFileText(report: TensorFileReport): string {
  const { name, format, bytes, refused, split, metadata, tensors } = report;
  const lines = [
    ...(refused === undefined ? [] : [`convert takes no such file as a model: ${refused}`]),
    ...(split === undefined ? [] : [splitText(split)]),
    `${name}: ${format}, ${formatCount(tensors.length, 'tensor')}, ${formatBytes(bytes)}`,
    ...Object.entries(metadata).map(([key, value]) => `  ${key}: ${value}`),
    '',
    ...rows(
      ['tensor', 'dtype', 'shape', 'bytes'],
      tensors.map(({ name, dtype, shape, bytes }) => [name, dtype, `[${shape.join(', ')}]`, formatBytes(bytes)]),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function splitText({ part, parts, missing }: NonNullable<TensorFileReport['split']>): string {
  if (missing.length === 0) return `part ${part} of ${parts}; the others are beside it`;
  return `part ${part} of ${parts}; missing beside it: ${missing.join(', ')}. Download them into the same folder`;
}

/** Columns padded to their widest cell. */
function rows(header: readonly string[], body: readonly (readonly string[])[]): string[] {
  const all = [header, ...body];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
