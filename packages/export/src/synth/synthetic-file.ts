import { type ByteSource, checkRange, planSafetensors } from '@flux-srpo/formats';
import type { SyntheticTensor } from './synthetic-tensors.ts';

/** A safetensors file that is never stored: each read makes the bytes it asks for. */
export function syntheticFile(tensors: readonly SyntheticTensor[], name: string): ByteSource {
  const { header, tensors: planned, size } = planSafetensors(tensors);
  const pieces = [{ offset: 0, bytes: header.length, fill: copyOf(header) }];
  let offset = header.length;
  for (const { spec, bytes } of planned) {
    pieces.push({ offset, bytes, fill: spec.fill });
    offset += bytes;
  }
  const source: ByteSource = {
    size,
    name,
    async read(start, length, signal) {
      signal?.throwIfAborted();
      checkRange(source, start, length);
      const out = new Uint8Array(length);
      for (const piece of pieces) {
        const from = Math.max(start, piece.offset);
        const to = Math.min(start + length, piece.offset + piece.bytes);
        if (from < to) piece.fill(out.subarray(from - start, to - start), from - piece.offset);
      }
      return out;
    },
  };
  return source;
}

function copyOf(bytes: Uint8Array): SyntheticTensor['fill'] {
  return (out, offset) => out.set(bytes.subarray(offset, offset + out.length));
}
