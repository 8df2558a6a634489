import { describe, expect, it } from 'vitest';
import { bytesSink } from '../sources/byte-sink.ts';
import { bytesSource } from '../sources/byte-source.ts';
import { readSafetensors } from './safetensors.ts';
import { planSafetensors, type TensorSpec, writeSafetensors } from './safetensors-writer.ts';

// safetensors.numpy.save({b: arange(6, float32).reshape(2, 3), a: arange(3, uint8), c: int64(7), e:
// zeros((0, 4), float16)},
//   metadata={'format': 'pt'}), in base64 — safetensors as of November 2026
const REFERENCE =
  'AAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJjIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOltdLCJkYXRhX29mZnNldHMiOlswLDhdfSwiYiI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwzXSwiZGF0YV9vZmZzZXRzIjpbOCwzMl19LCJlIjp7ImR0eXBlIjoiRjE2Iiwic2hhcGUiOlswLDRdLCJkYXRhX29mZnNldHMiOlszMiwzMl19LCJhIjp7ImR0eXBlIjoiVTgiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOlszMiwzNV19fSAgICAgBwAAAAAAAAAAAAAAAACAPwAAAEAAAEBAAACAQAAAoEAAAQI=';

const SPECS: TensorSpec[] = [
  { name: 'a', dtype: 'U8', shape: [3] },
  { name: 'b', dtype: 'F32', shape: [2, 3] },
  { name: 'c', dtype: 'I64', shape: [] },
  { name: 'e', dtype: 'F16', shape: [0, 4] },
];

const DATA: Record<string, Uint8Array> = {
  a: Uint8Array.of(0, 1, 2),
  b: new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer),
  c: new Uint8Array(new BigInt64Array([7n]).buffer),
  e: new Uint8Array(0),
};

async function write(specs: readonly TensorSpec[], data: Parameters<typeof writeSafetensors>[2], metadata = {}) {
  const sink = bytesSink();
  const written = await writeSafetensors(sink, specs, data, metadata);
  expect(written).toBe(sink.bytes().length);
  return sink.bytes();
}

describe('writeSafetensors', () => {
  it("writes the reference writer's bytes", async () => {
    const bytes = await write(SPECS, ({ name }) => DATA[name]!, { format: 'pt' });
    expect(Buffer.from(bytes).toString('base64')).toBe(REFERENCE);
  });

  it('gives the same bytes for tensors in another order and data in pieces', async () => {
    const bytes = await write(
      SPECS.toReversed(),
      async function* ({ name }) {
        for (const byte of DATA[name]!) yield Uint8Array.of(byte);
      },
      { format: 'pt' },
    );
    expect(Buffer.from(bytes).toString('base64')).toBe(REFERENCE);
  });

  it('starts data at a multiple of eight, so that every tensor is aligned to its own width', async () => {
    for (let length = 1; length <= 9; length++) {
      const layout = planSafetensors([{ name: 'x'.repeat(length), dtype: 'F64', shape: [1] }]);
      expect(layout.header.length % 8).toBe(0);
    }
  });

  it('holds names that objects treat specially', async () => {
    const names = ['__proto__', '10', '2', 'constructor', 'naïve "quoted" \\ \n 猫'];
    const specs = names.map((name, i): TensorSpec => ({ name, dtype: 'U8', shape: [i + 1] }));
    const bytes = await write(specs, ({ shape }) => new Uint8Array(shape[0]!).fill(shape[0]!));
    const file = await readSafetensors(bytesSource(bytes, 'odd'));
    expect([...file.tensors.keys()].sort()).toEqual([...names].sort());
    for (const { name, shape } of specs) expect([...(await file.read(name))]).toEqual(Array(shape[0]).fill(shape[0]));
  });

  it.each([
    ['too few bytes', [1, 2], 'must have 3 bytes, got 2'],
    ['too many bytes', [1, 2, 3, 4], 'must have 3 bytes, got more'],
    ['no bytes', [], 'must have 3 bytes, got 0'],
  ])('refuses %s for a tensor', async (_, bytes, message) => {
    const pieces = bytes.map((byte) => Uint8Array.of(byte));
    await expect(write(SPECS.slice(0, 1), () => pieces)).rejects.toThrow(message);
  });

  it('refuses two tensors of one name, and the reserved name', () => {
    const twice: TensorSpec[] = [SPECS[0]!, SPECS[0]!];
    expect(() => planSafetensors(twice)).toThrow('"a" again');
    expect(() => planSafetensors([{ name: '__metadata__', dtype: 'U8', shape: [] }])).toThrow('"__metadata__"');
  });

  it.each([
    { name: 'x', dtype: 'F32', shape: [-1] },
    { name: 'x', dtype: 'F32', shape: [1.5] },
    { name: 'x', dtype: 'F32', shape: [2 ** 30, 2 ** 30] },
    { name: 'x', dtype: 'F4', shape: [3] },
  ] satisfies TensorSpec[])('refuses the shape $dtype $shape', (spec) => {
    expect(() => planSafetensors([spec])).toThrow('must have a whole number of bytes');
  });
});
