import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dequantize } from '../ggml/dequantize.ts';
import { GGML_TYPES, type GgmlTypeName } from '../ggml/types.ts';
import { widen } from '../numbers/widen.ts';
import { readSafetensors } from '../safetensors/safetensors.ts';
import { type ByteSource, bytesSource } from '../sources/byte-source.ts';
import { type GgufDraft, ggufBytes } from '../test-support/gguf-bytes.ts';
import { readGguf } from './gguf.ts';

/**
 * Made by the gguf package (test/reference/gguf_vectors.py): random blocks of each type, and the
 * numbers it makes of them.
 */
const FIXTURES = new URL('../../../../test/fixtures/formats/', import.meta.url);
const fixture = (name: string) => bytesSource(readFileSync(new URL(name, FIXTURES)), name);

const READABLE = Object.entries(GGML_TYPES)
  .filter(([, type]) => 'dequantize' in type)
  .map(([name]) => name as GgmlTypeName);

/** A source that counts what is read of it. */
function counted(source: ByteSource): ByteSource & { bytesRead: number } {
  const counter = {
    ...source,
    bytesRead: 0,
    read(offset: number, length: number) {
      counter.bytesRead += length;
      return source.read(offset, length);
    },
  };
  return counter;
}

describe('a GGUF file of the gguf package', () => {
  it('has the metadata and the tensors that were written', async () => {
    const { metadata, tensors } = await readGguf(fixture('ggml.gguf'));
    expect(metadata.get('general.architecture')).toBe('flux');
    expect(metadata.get('test.words')).toEqual({ type: 'string', length: 3 });
    expect(metadata.get('test.numbers')).toEqual({ type: 'f32', length: 2 });
    expect(metadata.get('test.yes')).toBe(true);
    expect(metadata.get('test.large')).toBe(2n ** 63n);
    expect(tensors.get('Q6_K')).toMatchObject({ type: 'Q6_K', shape: [3, 256], bytes: 3 * 210 });
    expect(tensors.get('odd')).toMatchObject({ type: 'F32', shape: [3], bytes: 12 });
  });

  it.each(READABLE)('has the same %s numbers to the bit', async (type) => {
    const file = await readGguf(fixture('ggml.gguf'));
    const expected = await readSafetensors(fixture('ggml.safetensors'));
    expect(await file.readValues(type, 0, 768)).toEqual(widen('F32', await expected.read(type)));
  });

  it.each(READABLE)('gives any range of %s, reading no more than the blocks it lies in', async (type) => {
    const source = counted(fixture('ggml.gguf'));
    const file = await readGguf(source);
    const whole = await file.readValues(type, 0, 768);
    source.bytesRead = 0;
    expect(await file.readValues(type, 300, 520)).toEqual(whole.subarray(300, 520));
    const { length, bytes } = GGML_TYPES[type];
    expect(source.bytesRead).toBe((Math.ceil(520 / length) - Math.floor(300 / length)) * bytes);
    // Beyond the tensor lie the bytes of the next one.
    await expect(file.readValues(type, 760, 769)).rejects.toMatchObject({ code: 'format/offset-out-of-range' });
  });

  it('has the shape from before its rows were cut, and the same numbers', async () => {
    const file = await readGguf(fixture('ggml.gguf'));
    const expected = await readSafetensors(fixture('ggml.safetensors'));
    expect(file.info('reshaped')).toMatchObject({ type: 'Q4_K', shape: [16, 48], bytes: 3 * 144 });
    expect(await file.readValues('reshaped', 0, 768)).toEqual(widen('F32', await expected.read('reshaped')));
  });

  it('opens with one read, whatever its size', async () => {
    const source = counted(fixture('ggml.gguf'));
    await readGguf(source);
    expect(source.bytesRead).toBeLessThanOrEqual(128 * 1024);
  });
});

describe('readGguf', () => {
  it('reads on where the header is longer than the first read', async () => {
    // As long as T5's own.
    const json = 'x'.repeat(2_424_064);
    const words = Array.from({ length: 60_000 }, (_, i) => `word ${i}`);
    const bytes = ggufBytes({
      metadata: [
        ['words', 'strings', words],
        ['tokenizer.ggml.tokens', 'strings', words],
        ['tokenizer.huggingface.json', 'string', json],
      ],
      tensors: [{ name: 'a', dims: [2] }],
    });
    expect(bytes.length).toBeGreaterThan(4 * 128 * 1024);
    const file = await readGguf(bytesSource(bytes, 'long.gguf'));
    expect(file.metadata.get('words')).toEqual({ type: 'string', length: 60_000 });
    expect(file.metadata.get('tokenizer.ggml.tokens')).toEqual({ type: 'string', length: 60_000, items: words });
    expect(file.metadata.get('tokenizer.huggingface.json')).toBe(json);
    expect([...(await file.readValues('a', 0, 2))]).toEqual([0, 0]);
  });

  it('takes version 2, another alignment, scalars, empty tensors and no tensors', async () => {
    const draft: GgufDraft = {
      version: 2,
      metadata: [['general.alignment', 'u32', 64]],
      tensors: [
        { name: 'a', dims: [3] },
        { name: 's', dims: [] },
        { name: 'z', dims: [0, 7] },
      ],
    };
    const { tensors } = await readGguf(bytesSource(ggufBytes(draft), 'test.gguf'));
    expect([...tensors.values()].map(({ shape, bytes }) => [shape, bytes])).toEqual([
      [[3], 12],
      [[], 4],
      [[7, 0], 0],
    ]);
    for (const { offset } of tensors.values()) expect(offset % 64).toBe(0);
    expect((await readGguf(bytesSource(ggufBytes({}), 'test.gguf'))).tensors.size).toBe(0);
  });

  it('lists tensors of types it cannot read, and refuses their numbers by name', async () => {
    const bytes = ggufBytes({ tensors: [{ name: 'a', dims: [256], type: GGML_TYPES.IQ3_S.id, bytes: 110 }] });
    const file = await readGguf(bytesSource(bytes, 'test.gguf'));
    expect(file.info('a')).toMatchObject({ type: 'IQ3_S', bytes: 110 });
    await expect(file.readValues('a', 0, 1)).rejects.toMatchObject({ code: 'format/dtype-unsupported' });
    expect(() => dequantize('I64', new Uint8Array(8))).toThrow('I64');
    expect(() => file.info('b')).toThrow('expected a tensor "b"');
  });
});
