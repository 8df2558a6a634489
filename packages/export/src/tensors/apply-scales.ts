import { FormatError, InputError } from '@flux-srpo/core';
import { refuseAs } from '../recognise/recognise.ts';
import { isObject } from '../sources/source-folder.ts';
import { toFloat32 } from './numbers.ts';
import { readValues, type TensorStore } from './tensor-store.ts';

/**
 * Checkpoints whose fp8 weights come with a scale each, in the three forms ComfyUI has written:
 * value = fp8 · scale.
 *
 * 1. a marker tensor `scaled_fp8`, scales named `X.scale_weight` and `X.scale_input`
 * 2. scales named `X.weight_scale` and `X.input_scale`, and what `X.weight` is as JSON in the bytes
 * of `X.comfy_quant`
 * 3. the same scales, and that JSON for all layers under `_quantization_metadata` in the file's
 * header
 * @see https://github.com/Comfy-Org/ComfyUI/blob/a125cd84/comfy/ops.py `scaled_fp8_ops`
 */

/** Names of the tensors that come with a scaled weight; the group is the layer's name. */
const WEIGHT_SCALE = /^(.+)\.(?:scale_weight|weight_scale)$/;
const INPUT_SCALE = /\.(?:scale_input|input_scale)$/;
const LAYER_FORMAT = /\.comfy_quant$/;
const MARKER = /(?:^|\.)scaled_fp8$/;
const HEADER_FORMATS = '_quantization_metadata';

const FORMATS: readonly unknown[] = ['float8_e4m3fn', 'float8_e5m2'];

/** Some 60 bytes in published files. */
const MAX_FORMAT_BYTES = 64 * 1024;

/** A tensor of the file that is no weight of the network, and what it is for. */
export interface Companion {
  readonly tensor: string;
  readonly reason: string;
}

/** The file with its scales applied. Tensors that only served weights become `companions`. */
export async function applyScales(
  name: string,
  store: TensorStore,
): Promise<{ store: TensorStore; companions: readonly Companion[] }> {
  const companions: Companion[] = [];
  /** Weight → its scale. */
  const scales = new Map<string, string>();
  for (const tensor of store.tensors.keys()) {
    const weight = `${WEIGHT_SCALE.exec(tensor)?.[1]}.weight`;
    if (store.tensors.has(weight)) {
      requireOneNumber(name, store, tensor);
      scales.set(weight, tensor);
      companions.push({ tensor, reason: `applied to ${weight}` });
    } else if (INPUT_SCALE.test(tensor)) {
      companions.push({ tensor, reason: 'a scale of activations, which are not stored in 8 bits here' });
    } else if (LAYER_FORMAT.test(tensor)) {
      requireFormat(name, tensor, await readFormat(name, store, tensor));
      companions.push({ tensor, reason: 'says how its layer is stored' });
    } else if (MARKER.test(tensor)) {
      companions.push({ tensor, reason: 'marks a file of scaled fp8' });
    }
  }
  checkHeaderFormats(name, store.metadata.get(HEADER_FORMATS));
  if (companions.length === 0) return { store, companions };

  const hidden = new Set(companions.map(({ tensor }) => tensor));
  const known = new Map<string, number>();
  const scaleOf = async (weight: string, signal: AbortSignal | undefined): Promise<number> => {
    const tensor = scales.get(weight);
    if (tensor === undefined) return 1;
    const scale = known.get(weight) ?? (await readValues(store, tensor, 0, 1, signal))[0]!;
    known.set(weight, scale);
    return scale;
  };
  return {
    companions,
    store: {
      ...store,
      tensors: new Map([...store.tensors].filter(([tensor]) => !hidden.has(tensor))),
      async readNumbers(tensor, start, end, signal, memory) {
        const numbers = await store.readNumbers(tensor, start, end, signal, memory);
        const scale = await scaleOf(tensor, signal);
        // Rounded to float32, as ComfyUI's own products are.
        return scale === 1 ? numbers : toFloat32(numbers).map((value) => value * scale);
      },
    },
  };
}

function requireOneNumber(name: string, store: TensorStore, tensor: string): void {
  const { shape } = store.tensors.get(tensor)!;
  if (shape.every((dim) => dim === 1) && store.unreadable(tensor) === undefined) return;
  refuseAs('fp8-blocks', name, tensor);
}

async function readFormat(name: string, store: TensorStore, tensor: string): Promise<unknown> {
  const { shape } = store.tensors.get(tensor)!;
  if (shape.reduce((product, dim) => product * dim, 8) > MAX_FORMAT_BYTES) return undefined;
  const json = parseJson(name, tensor, new TextDecoder().decode(await store.readBytes(tensor)));
  return formatOf(json);
}

function checkHeaderFormats(name: string, text: string | undefined): void {
  if (text === undefined) return;
  const json = parseJson(name, HEADER_FORMATS, text);
  const layers: unknown = isObject(json) ? json.layers : undefined;
  for (const [layer, entry] of Object.entries(isObject(layers) ? layers : { [HEADER_FORMATS]: undefined })) {
    requireFormat(name, layer, formatOf(entry));
  }
}

function formatOf(json: unknown): unknown {
  return isObject(json) ? json.format : undefined;
}

function requireFormat(name: string, what: string, format: unknown): void {
  if (FORMATS.includes(format)) return;
  const got = JSON.stringify(format)?.slice(0, 80) ?? 'none';
  throw new InputError(`${name}: ${what} must be stored as ${FORMATS.join(' or ')}, got ${got}; use the bf16 file`, {
    code: 'input/file-unsupported',
    details: { name, tensor: what, expected: FORMATS, got },
  });
}

function parseJson(name: string, what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(
      `${name}: ${what} must be JSON, got ${JSON.stringify(text.slice(0, 40))}; use the bf16 file`,
      {
        code: 'format/header-invalid',
        details: { name, tensor: what },
        cause,
      },
    );
  }
}
