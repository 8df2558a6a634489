import { FormatError } from '@flux-srpo/core';
import { isObject } from '../sources/source-folder.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import { readNumber } from './alpha-number.ts';
import type { LoraPair } from './pairs.ts';

/** Alpha / rank of each pair: the factor of up · down at strength 1. */
export async function readScales(
  file: string,
  store: TensorStore,
  pairs: readonly LoraPair[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<LoraPair, number>> {
  const adapter = readAdapter(file, store.metadata.get('lora_adapter_metadata'));
  for (const key of adapter?.patterns.keys() ?? []) {
    if (pairs.some(({ layer }) => isUnder(layer, key))) continue;
    throw wrong(file, `alpha_pattern of ${key}`, 'for a layer of the file', 'none of that name');
  }
  const scales = new Map<LoraPair, number>();
  for (const pair of pairs) {
    const alpha =
      pair.alpha === undefined
        ? (adapter?.alphaOf(pair.layer) ?? pair.rank)
        : await readNumber(store, pair.alpha, signal);
    if (!Number.isFinite(alpha)) throw wrong(file, pair.alpha ?? pair.layer, 'a finite number', String(alpha));
    const isStabilized = pair.alpha === undefined && adapter?.usesRslora(pair.layer) === true;
    scales.set(pair, alpha / (isStabilized ? Math.sqrt(pair.rank) : pair.rank));
  }
  return scales;
}

interface Adapter {
  readonly patterns: ReadonlyMap<string, number>;
  alphaOf(layer: string): number | undefined;
  usesRslora(layer: string): boolean;
}

/**
 * PEFT's configuration of each network's adapter, as diffusers saves it in the header:
 * `<network>.lora_alpha`, `<network>.alpha_pattern`, `<network>.use_rslora` and others.
 * @see https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/loaders/lora_base.py `_pack_dict_with_prefix`
 * @see https://github.com/huggingface/peft/blob/v0.21.2/src/peft/tuners/lora/layer.py `update_layer`
 */
function readAdapter(file: string, text: string | undefined): Adapter | undefined {
  if (text === undefined) return undefined;
  const fields = parseObject(file, text);
  const patterns = new Map<string, number>();
  const alphas = new Map<string, number>();
  const stabilized: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    const at = key.lastIndexOf('.');
    const [network, field] = [key.slice(0, at + 1), key.slice(at + 1)];
    if (field === 'lora_alpha') alphas.set(network, number(file, key, value));
    else if (field === 'use_rslora' && value === true) stabilized.push(network);
    else if (field === 'alpha_pattern' && isObject(value)) {
      for (const [layer, alpha] of Object.entries(value)) patterns.set(network + layer, number(file, key, alpha));
    } else if ((field === 'use_dora' || field === 'lora_bias') && value === true) {
      throw wrong(file, key, 'false', 'true, which cannot be merged here');
    }
  }
  const networkOf = (layer: string, networks: Iterable<string>) =>
    [...networks].find((network) => layer.startsWith(network));
  return {
    patterns,
    alphaOf(layer) {
      const pattern = [...patterns].find(([key]) => isUnder(layer, key));
      return pattern?.[1] ?? alphas.get(networkOf(layer, alphas.keys()) ?? '');
    },
    usesRslora: (layer) => networkOf(layer, stabilized) !== undefined,
  };
}

/** PEFT's patterns are ends of names; diffusers puts the network's name in front. */
function isUnder(layer: string, key: string): boolean {
  const dot = key.indexOf('.') + 1;
  return layer === key || (layer.startsWith(key.slice(0, dot)) && layer.endsWith(`.${key.slice(dot)}`));
}

function parseObject(file: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isObject(value)) return value;
  throw wrong(file, 'lora_adapter_metadata', 'a JSON object', JSON.stringify(text.slice(0, 40)));
}

function number(file: string, key: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw wrong(file, key.slice(0, 80), 'a finite number', JSON.stringify(value)?.slice(0, 40) ?? 'nothing');
}

function wrong(file: string, what: string, expected: string, got: string): FormatError {
  return new FormatError(`${file}: ${what} must be ${expected}, got ${got}; use another LoRA`, {
    code: 'format/value-invalid',
    details: { name: file, field: what, expected, got },
  });
}
