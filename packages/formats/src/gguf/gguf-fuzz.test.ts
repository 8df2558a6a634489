import { readFileSync } from 'node:fs';
import { FormatError } from '@flux-srpo/core';
import { expect, it } from 'vitest';
import { GGML_TYPES } from '../ggml/types.ts';
import { type ByteSource, bytesSource } from '../sources/byte-source.ts';
import { integers, mutate } from '../test-support/mutate.ts';
import { readGguf } from './gguf.ts';

/** A file of the gguf package with a tensor of every type (test/reference/gguf_vectors.py). */
const FILE = new Uint8Array(readFileSync(new URL('../../../../test/fixtures/formats/ggml.gguf', import.meta.url)));
const HEADER_BYTES = 1100;

const CASES = process.env.TEST_FULL ? 200_000 : 10_000;
/**
 * Every so often the file is a terabyte of zeros behind its first bytes, so that no length is
 * caught by the end of the file.
 */
const ENDLESS_EVERY = 50;

/** The bytes, then zeros; counts what is read in all. */
function endless(bytes: Uint8Array): ByteSource & { bytesRead: number } {
  const source = {
    size: 2 ** 40,
    name: 'fuzz.gguf',
    bytesRead: 0,
    async read(offset: number, length: number) {
      source.bytesRead += length;
      const out = new Uint8Array(length);
      out.set(bytes.subarray(Math.min(offset, bytes.length), offset + length));
      return out;
    },
  };
  return source;
}

it('mutated GGUF headers are either read or refused with a FormatError, and no claim makes the reader take more than a header may have', {
  timeout: 600_000,
}, async () => {
  const below = integers(20_240_917);
  const outcomes = { read: 0, refused: 0 };
  for (let i = 0; i < CASES; i++) {
    const bytes = mutate(FILE, HEADER_BYTES, below);
    const isEndless = i % ENDLESS_EVERY === 0;
    const source = isEndless ? endless(bytes) : bytesSource(bytes, 'fuzz.gguf');
    try {
      const file = await readGguf(source);
      outcomes.read++;
      // Whatever is let through must lie in the file and give as many numbers as its shape says.
      for (const [name, { type, shape, offset, bytes: length }] of file.tensors) {
        expect(offset + length).toBeLessThanOrEqual(source.size);
        const count = shape.reduce((product, dim) => product * dim, 1);
        if ('dequantize' in GGML_TYPES[type] && count <= 4096) {
          expect(await file.readValues(name, 0, count)).toHaveLength(count);
        }
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      outcomes.refused++;
    }
    if ('bytesRead' in source) expect(source.bytesRead).toBeLessThanOrEqual(33 * 2 ** 20);
  }
  // Mutations that all did nothing, or all broke the magic, would prove nothing.
  expect(outcomes.read).toBeGreaterThan(CASES / 100);
  expect(outcomes.refused).toBeGreaterThan(CASES / 4);
});
