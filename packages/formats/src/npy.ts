/**
 * The start of a NumPy .npy file of little-endian float32 in row-major order. The values follow it.
 * @see https://github.com/numpy/numpy/blob/9b84c11/doc/neps/nep-0001-npy-format.rst
 */
export function npyHeader(shape: readonly number[]): Uint8Array<ArrayBuffer> {
  // Python's tuples: (), (3,), (3, 4)
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  // Magic, version 1.0 and a 16-bit length take ten bytes, the text ends with a line feed, and the
  // whole is a multiple of 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = new Uint8Array(length).fill(0x20);
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(header.buffer).setUint16(8, length - 10, true);
  header.set(new TextEncoder().encode(text), 10);
  header[length - 1] = 0x0a;
  return header;
}
