import { FormatError } from '@flux-srpo/core';
import { type Bytes, e4m4ToF32, f32ToF16, type Safetensors, type TensorInfo, widen } from '@flux-srpo/formats';
import type { Bundle } from '../bundle/bundle.ts';
import type { VerifiedSource } from '../bundle/verified-source.ts';
import {
  type DeviceTensor,
  DTYPE_BYTES,
  type Dtype,
  type Session,
  type SessionInput,
  type Stage,
  type TensorWriter,
} from '../ort/backend.ts';

/**
 * Numbers that are widened at once, into memory that is used again: clean memory takes longer than
 * the widening.
 */
const WIDENED = 128 * 1024;
let widened: Float32Array<ArrayBuffer> | undefined;

/** Pieces of a tensor begin and end at multiples of this, as writes to the GPU must. */
const PIECE_ALIGN = 4;

/** Dtypes on disk that a graph's can be read from. Only half precision loses something. */
const READABLE: Readonly<Record<Dtype, readonly string[]>> = {
  float32: ['F32', 'F16', 'BF16'],
  float16: ['F16', 'F32', 'BF16'],
  uint8: ['U8'],
  int64: ['I64'],
};

/** Dtypes on disk whose bytes are the graph's. */
const AS_ON_DISK: Readonly<Record<Dtype, string>> = { float32: 'F32', float16: 'F16', uint8: 'U8', int64: 'I64' };

type FloatOnDisk = 'F32' | 'F16' | 'BF16' | 'U8';
const DISK_BYTES: Readonly<Record<FloatOnDisk, number>> = { F32: 4, F16: 2, BF16: 2, U8: 1 };

/** The weights of one part, on the device. */
export interface PartWeights {
  /** A session of the part's own, with the weights inside. Absent: the graph's, which is fed. */
  readonly session?: Session;
  /** By graph input; none where the session has them inside. */
  readonly feeds: Readonly<Record<string, DeviceTensor>>;
  /** On the device. */
  readonly bytes: number;
  dispose(): void;
}

/**
 * Uploads every tensor of a part once, streaming: what the kernels read is written straight from
 * the verified chunks of the file.
 * @param inputs of the part's graph. Weights are the ones with a dot in their name (`q.weight`);
 *   data inputs have none.
 */
export async function loadPart(
  stage: Stage,
  bundle: Bundle,
  partName: string,
  inputs: readonly SessionInput[],
  signal?: AbortSignal,
): Promise<PartWeights> {
  const weightInputs = inputs.filter(({ name }) => name.includes('.'));
  const part = bundle.part(partName);
  const file = part.weights === undefined ? undefined : await bundle.weights(partName);
  const source = part.weights === undefined ? undefined : await bundle.source(part.weights);
  assertNames(partName, weightInputs, file);

  const feeds: Record<string, DeviceTensor> = {};
  const dispose = (): void => {
    for (const tensor of Object.values(feeds)) tensor.dispose();
  };
  try {
    for (const input of file === undefined ? [] : inFileOrder(weightInputs, file)) {
      const info = file!.info(input.name);
      assertFits(partName, input, info);
      feeds[input.name] = await stage.upload(input.dtype as Dtype, info.shape, (write) =>
        stream(source!, input.dtype as Dtype, info, write, bundle.manifest.chunk_bytes, signal),
      );
    }
  } catch (error) {
    dispose();
    throw error;
  }
  const bytes = Object.values(feeds).reduce((sum, tensor) => sum + tensor.bytes, 0);
  return { feeds, bytes, dispose };
}

/**
 * In the file's order each chunk is fetched and hashed once. In the graph's order, the small
 * tensors of every layer would lead back to the first chunk.
 */
function inFileOrder(inputs: readonly SessionInput[], file: Safetensors): SessionInput[] {
  return [...inputs].sort((a, b) => file.info(a.name).offset - file.info(b.name).offset);
}

async function stream(
  source: VerifiedSource,
  dtype: Dtype,
  info: TensorInfo,
  write: TensorWriter,
  chunkBytes: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isAsOnDisk = info.dtype === AS_ON_DISK[dtype];
  const diskBytes = DISK_BYTES[info.dtype as FloatOnDisk];
  const growth = isAsOnDisk ? 1 : DTYPE_BYTES[dtype] / diskBytes;
  let length: number;
  for (let offset = 0; offset < info.bytes; offset += length) {
    length = Math.min(pieceBytes(info.offset + offset, chunkBytes), info.bytes - offset);
    const place = (piece: Bytes): void => {
      if (isAsOnDisk) {
        write(offset, piece);
        return;
      }
      widened ??= new Float32Array(WIDENED);
      for (let at = 0; at < piece.length; at += WIDENED * diskBytes) {
        const some = piece.subarray(at, at + WIDENED * diskBytes);
        const floats = info.dtype === 'U8' ? e4m4ToF32(some, widened) : widen(info.dtype, some, widened);
        const values = dtype === 'float16' ? f32ToF16(floats) : floats;
        write((offset + at) * growth, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      }
    };
    await source.lend(info.offset + offset, length, place, signal);
  }
}

/**
 * How much to read at `offset` of a file: up to the end of its chunk, which is read without a copy.
 * Where that is not aligned with the tensor, the piece before it ends a little earlier, and a
 * smallest one leads across.
 */
function pieceBytes(offset: number, chunkBytes: number): number {
  const left = chunkBytes - (offset % chunkBytes);
  return Math.max(PIECE_ALIGN, left - (left % PIECE_ALIGN));
}

function assertNames(part: string, inputs: readonly SessionInput[], file: Safetensors | undefined): void {
  const expected = new Set(inputs.map(({ name }) => name));
  const missing = [...expected].find((name) => !file?.tensors.has(name));
  if (missing !== undefined) {
    throw new FormatError(`part "${part}" must have a tensor "${missing}", got none; convert the model again`, {
      code: 'format/tensor-missing',
      details: { part, tensor: missing },
    });
  }
  const unexpected = [...(file?.tensors.keys() ?? [])].find((name) => !expected.has(name));
  if (unexpected !== undefined) {
    throw new FormatError(
      `part "${part}" has a tensor "${unexpected}" that its graph does not take; convert the model again`,
      {
        code: 'format/tensor-unexpected',
        details: { part, tensor: unexpected },
      },
    );
  }
}

/** Scales may also be the 8-bit floats of `q4m`, which are stored as U8. */
function readableDtypes({ name, dtype }: SessionInput): readonly string[] {
  const readable = READABLE[dtype as Dtype] ?? [];
  return dtype !== 'uint8' && name.endsWith('.scales') ? [...readable, 'U8'] : readable;
}

function assertFits(part: string, input: SessionInput, info: TensorInfo): void {
  const where = `tensor "${input.name}" of part "${part}"`;
  const details = { part, tensor: input.name };
  const readable = readableDtypes(input);
  if (!readable.includes(info.dtype)) {
    throw new FormatError(
      `${where} must be ${readable.join(' or ') || input.dtype}, got ${info.dtype}; convert the model again`,
      {
        code: 'format/dtype-unsupported',
        details: { ...details, expected: readable, got: info.dtype },
      },
    );
  }
  const fits =
    info.shape.length === input.dims.length &&
    input.dims.every((dim, i) => typeof dim === 'string' || dim === info.shape[i]);
  if (!fits) {
    throw new FormatError(`${where} must be [${input.dims}], got [${info.shape}]; convert the model again`, {
      code: 'format/shape-mismatch',
      details: { ...details, expected: input.dims, got: info.shape },
    });
  }
}
