import {
  type ByteSource,
  DTYPE_BITS,
  GGML_TYPES,
  Gguf,
  isRoundable,
  readGguf,
  readSafetensors,
  roundToF32,
  type Safetensors,
  WIDENABLE,
} from '@flux-srpo/formats';
import { cutShort, FIRST_BYTES, refuseOtherBytes } from '../recognise/recognise.ts';
import { halvesOf, isHalfDtype } from './numbers.ts';
import type { TensorStore } from './tensor-store.ts';

/** Opens a safetensors or GGUF file, told by its first bytes. The caller closes the source. */
export async function openTensorStore(source: ByteSource, signal?: AbortSignal): Promise<TensorStore> {
  return storeOf(await readTensorFile(source, signal));
}

/** The tensors of a file whose header is read. */
export function storeOf(file: Gguf | Safetensors): TensorStore {
  return file instanceof Gguf ? ggufStore(file) : safetensorsStore(file);
}

/** The header of either kind of file. Other files are refused by what they are. */
export async function readTensorFile(source: ByteSource, signal?: AbortSignal): Promise<Gguf | Safetensors> {
  const first = await source.read(0, Math.min(FIRST_BYTES, source.size), signal);
  refuseOtherBytes(source.name, first);
  const isGguf = String.fromCharCode(...first.subarray(0, 4)) === 'GGUF';
  try {
    // Safetensors files have no such mark.
    return await (isGguf ? readGguf : readSafetensors)(source, signal);
  } catch (error) {
    throw cutShort(error, source);
  }
}

function safetensorsStore(file: Safetensors): TensorStore {
  return {
    format: 'safetensors',
    tensors: file.tensors,
    metadata: file.metadata,
    unreadable(name) {
      const readable: readonly string[] = WIDENABLE;
      return readable.includes(file.info(name).dtype) ? undefined : readable;
    },
    roundable: (name) => isRoundable(file.info(name).dtype),
    async readNumbers(name, start, end, signal, memory) {
      const { dtype } = file.info(name);
      const size = DTYPE_BITS[dtype] / 8;
      const length = (end - start) * size;
      const bytes = await file.readRange(name, start * size, length, signal, memory?.take(length));
      return isHalfDtype(dtype) ? halvesOf(dtype, bytes) : roundToF32(dtype, bytes);
    },
    readBytes: (name, signal) => file.read(name, signal),
  };
}

const READABLE_TYPES = Object.entries(GGML_TYPES)
  .filter(([, type]) => 'dequantize' in type)
  .map(([name]) => name);

function ggufStore(file: Gguf): TensorStore {
  const texts = [...file.metadata].filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return {
    format: 'gguf',
    tensors: new Map([...file.tensors].map(([name, { type, shape }]) => [name, { dtype: type, shape }])),
    metadata: new Map(texts),
    values: file.metadata,
    unreadable(name) {
      return READABLE_TYPES.includes(file.info(name).type) ? undefined : READABLE_TYPES;
    },
    roundable: () => false,
    async readNumbers(name, start, end, signal, memory) {
      const { type } = file.info(name);
      if (!isHalfDtype(type)) return await file.readValues(name, start, end, signal);
      const size = GGML_TYPES[type].bytes;
      const length = (end - start) * size;
      return halvesOf(type, await file.readRange(name, start * size, length, signal, memory?.take(length)));
    },
    blocks: {
      typeOf: (name) => file.info(name).type,
      async read(name, start, end, signal, memory) {
        const type = GGML_TYPES[file.info(name).type];
        const size = ((end - start) / type.length) * type.bytes;
        return await file.readRange(name, (start / type.length) * type.bytes, size, signal, memory?.take(size));
      },
    },
    readBytes: (name, signal) => file.readRange(name, 0, file.info(name).bytes, signal),
  };
}
