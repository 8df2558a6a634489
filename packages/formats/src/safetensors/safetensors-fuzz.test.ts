import { readFileSync } from 'node:fs';
import { FormatError } from '@flux-srpo/core';
import { expect, it } from 'vitest';
import { bytesSource } from '../sources/byte-source.ts';
import { integers, mutate } from '../test-support/mutate.ts';
import { readSafetensors } from './safetensors.ts';

/** A file of the safetensors package (test/reference/gguf_vectors.py). */
const FILE = new Uint8Array(
  readFileSync(new URL('../../../../test/fixtures/formats/ggml.safetensors', import.meta.url)),
);
/** Length and JSON, without the data. */
const HEADER_BYTES = 8 + Number(new DataView(FILE.buffer).getBigUint64(0, true));

const CASES = process.env.TEST_FULL ? 200_000 : 10_000;

it('mutated safetensors headers are either read or refused with a FormatError', { timeout: 600_000 }, async () => {
  const below = integers(19_790_204);
  const outcomes = { read: 0, refused: 0 };
  for (let i = 0; i < CASES; i++) {
    const bytes = mutate(FILE, HEADER_BYTES, below);
    try {
      const file = await readSafetensors(bytesSource(bytes, 'fuzz.safetensors'));
      outcomes.read++;
      // Whatever is let through accounts for every byte of the file, once.
      let at = 0;
      for (const { offset, bytes: length } of file.tensors.values()) {
        if (at > 0) expect(offset).toBe(at);
        at = offset + length;
      }
      expect(at).toBe(bytes.length);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      outcomes.refused++;
    }
  }
  // Little but another letter in a name survives so strict a format; that none did would mean that
  // nothing was reached.
  expect(outcomes.read).toBeGreaterThan(CASES / 1000);
  expect(outcomes.refused).toBeGreaterThan(CASES / 4);
});
