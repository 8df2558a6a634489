import { FormatError, isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../sources/byte-source.ts';
import { type GgufDraft, type GgufTensorDraft, ggufBytes } from '../test-support/gguf-bytes.ts';
import { readGguf } from './gguf.ts';

/** Type and value of a metadata entry, as 32-bit words. */
const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
const aligned = (value: number): NonNullable<GgufDraft['metadata']> => [['general.alignment', 'u32', value]];
const A: GgufTensorDraft = { name: 'a', dims: [4] };
const ORIG = 'comfy.gguf.orig_shape.';
const HUGE = 2n ** 64n - 1n;

// The hand-made files of llama.cpp's tests/test-gguf.cpp that its reader must refuse, in their
// order, and some of ours; each is one lie.
const LIES: [name: string, draft: GgufDraft, code: string][] = [
  ['a bad magic', { magic: 'GGUX' }, 'format/header-invalid'],
  ['a web page', { magic: '<!doctype html><html></html>' }, 'format/header-invalid'],
  ['version 0', { version: 0 }, 'format/header-invalid'],
  ['version 1, with its 32-bit counts', { version: 1 }, 'format/header-invalid'],
  ['a version to come', { version: 4 }, 'format/header-invalid'],
  ['a big-endian file', { version: 0x03000000 }, 'format/header-invalid'],
  ['more tensors than any file has', { tensorCount: HUGE }, 'format/header-invalid'],
  ['2^63 tensors, negative as an int64', { tensorCount: 2n ** 63n }, 'format/header-invalid'],
  ['more tensors than it holds', { tensorCount: 2n, tensors: [A], cut: 32 }, 'format/truncated'],
  ['more metadata than any file has', { metadataCount: HUGE }, 'format/header-invalid'],
  ['more metadata than it holds', { metadataCount: 1000n, tensorCount: 0n }, 'format/header-invalid'],
  ['a key longer than a key may be', key(65_536n), 'format/header-invalid'],
  ['a key of 2^63 bytes', key(2n ** 63n), 'format/header-invalid'],
  ['an empty key', { metadata: [['', 'u32', 1]] }, 'format/header-invalid'],
  [
    'a key that is not UTF-8',
    { metadataCount: 1n, tensors: [], ...rawKey(Uint8Array.of(0xff)) },
    'format/header-invalid',
  ],
  ['an unknown value type', { metadata: [['k', 'raw', words(13, 0)]] }, 'format/header-invalid'],
  ['an unknown item type', { metadata: [['k', 'raw', words(9, 13, 0, 0)]] }, 'format/header-invalid'],
  ['a list of lists', { metadata: [['k', 'raw', words(9, 9, 0, 0)]] }, 'format/header-invalid'],
  ['a list longer than the file', { metadata: [['k', 'raw', words(9, 4, 1 << 30, 0)]] }, 'format/header-invalid'],
  ['a list whose bytes wrap 2^64', { metadata: [['k', 'raw', words(9, 10, 1, 1 << 29)]] }, 'format/header-invalid'],
  ['a list of more strings than fit', { metadata: [['k', 'raw', words(9, 8, 1000, 0)]] }, 'format/header-invalid'],
  ['a string of 2^63 bytes', { metadata: [['k', 'raw', words(8, 0, 1 << 31)]] }, 'format/header-invalid'],
  ['a string past the end of the file', { metadata: [['k', 'raw', words(8, 1000, 0)]] }, 'format/truncated'],
  ['a truth value of 2', { metadata: [['k', 'raw', Uint8Array.of(7, 0, 0, 0, 2)]] }, 'format/header-invalid'],
  [
    'a repeated key',
    {
      metadata: [
        ['k', 'u32', 1],
        ['k', 'u32', 1],
      ],
    },
    'format/header-invalid',
  ],
  ['alignment 0', { metadata: aligned(0) }, 'format/header-invalid'],
  ['alignment 13', { metadata: aligned(13) }, 'format/header-invalid'],
  ['alignment 4', { metadata: aligned(4) }, 'format/header-invalid'],
  ['alignment 2^31', { metadata: aligned(2 ** 31) }, 'format/header-invalid'],
  ['alignment as text', { metadata: [['general.alignment', 'string', '32']] }, 'format/header-invalid'],
  ['alignment as a u64', { metadata: [['general.alignment', 'u64', 32n]] }, 'format/header-invalid'],
  ['a tensor name longer than a name may be', tensor({ name: 'x'.repeat(128) }), 'format/header-invalid'],
  ['a tensor name of 2^63 bytes', tensor({ nameBytes: 2n ** 63n }), 'format/header-invalid'],
  ['an empty tensor name', tensor({ name: '' }), 'format/header-invalid'],
  ['five dimensions', tensor({ dims: [1, 1, 1, 1, 4] }), 'format/header-invalid'],
  ['2^32 − 1 dimensions', tensor({ rank: 2 ** 32 - 1 }), 'format/header-invalid'],
  ['a dimension of −1', tensor({ dims: [4, HUGE] }), 'format/offset-out-of-range'],
  ['a dimension of 2^63', tensor({ dims: [2n ** 63n] }), 'format/offset-out-of-range'],
  [
    'dimensions whose product wraps 2^64 to 4',
    tensor({ dims: [2n ** 32n + 1n, 2n ** 32n, 4] }),
    'format/offset-out-of-range',
  ],
  ['as many weights as an int64 holds, too many as bytes', tensor({ dims: [2n ** 62n] }), 'format/offset-out-of-range'],
  ['more bytes than the file in one tensor', tensor({ dims: [2 ** 40] }), 'format/truncated'],
  ['an original shape of other weights', reshaped([2, 3]), 'format/shape-mismatch'],
  ['an original shape whose product wraps 2^64 to 4', reshaped([2 ** 31, 2 ** 31, 16, 4]), 'format/shape-mismatch'],
  ['an original shape of nine dimensions', reshaped([4, 1, 1, 1, 1, 1, 1, 1, 1]), 'format/shape-mismatch'],
  [
    'an original shape that is a text',
    { metadata: [[`${ORIG}a`, 'string', '[4]']], tensors: [A] },
    'format/shape-mismatch',
  ],
  [
    'a tokenizer longer than the file',
    { metadata: [['tokenizer.ggml.tokens', 'raw', words(9, 8, 1000, 0)]] },
    'format/header-invalid',
  ],
  ['an unknown type', tensor({ type: 4 }), 'format/dtype-unsupported'],
  ['a type to come', tensor({ type: 2 ** 31 }), 'format/dtype-unsupported'],
  ['a row of Q4_0 that is no whole block', tensor({ dims: [48], type: 2 }), 'format/shape-mismatch'],
  ['a scalar of Q4_K', tensor({ dims: [], type: 12 }), 'format/shape-mismatch'],
  [
    'an offset within another tensor',
    { tensors: [A, { name: 'b', dims: [4], offset: 0n }] },
    'format/offset-out-of-range',
  ],
  [
    'an offset that leaves a hole',
    { tensors: [A, { name: 'b', dims: [4], offset: 64n }] },
    'format/offset-out-of-range',
  ],
  [
    'an offset off the alignment',
    { tensors: [A, { name: 'b', dims: [4], offset: 16n }] },
    'format/offset-out-of-range',
  ],
  ['an offset past 2^53', tensor({ offset: HUGE }), 'format/offset-out-of-range'],
  ['a repeated tensor name', { tensors: [A, A] }, 'format/header-invalid'],
  ['less data than its tensors need', { tensors: [A, { name: 'b', dims: [4] }], cut: 33 }, 'format/truncated'],
  ['no data at all', { tensors: [A], cut: 32 }, 'format/truncated'],
];

function tensor(lie: Partial<GgufTensorDraft>): GgufDraft {
  return { tensors: [{ ...A, ...lie }] };
}

/** A tensor of four weights and the shape that it is to have had. */
function reshaped(shape: number[]): GgufDraft {
  return { metadata: [[`${ORIG}a`, 'raw', words(9, 4, shape.length, 0, ...shape)]], tensors: [A] };
}

/** One metadata entry that claims a key of `bytes` bytes. */
function key(bytes: bigint): GgufDraft {
  return { metadataCount: 1n, tensorCount: 0n, tensors: [{ ...A, nameBytes: bytes }] };
}

/** One metadata entry with these bytes as its key. */
function rawKey(bytes: Uint8Array): GgufDraft {
  // A tensor entry begins as a metadata entry does: with a length and a name.
  return { tensorCount: 0n, tensors: [{ name: String.fromCharCode(...bytes), dims: [], nameBytes: 1n }] };
}

describe('a lying GGUF header', () => {
  it.each(LIES)('with %s is refused', async (_, draft, code) => {
    const error: unknown = await readGguf(bytesSource(ggufBytes(draft), 'test.gguf')).then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(FormatError);
    expect(isFluxError(error) && error.code).toBe(code);
    expect((error as Error).message).toMatch(/^test\.gguf: /);
  });

  it('may be cut at any byte and is then refused as cut short', async () => {
    const whole = ggufBytes({ metadata: [['k', 'string', 'value']], tensors: [A] });
    await readGguf(bytesSource(whole, 'whole.gguf'));
    // Its 16 bytes of data are followed by 16 of padding, which nothing needs.
    for (let length = 0; length < whole.length - 16; length++) {
      const cut = readGguf(bytesSource(whole.subarray(0, length), 'cut.gguf'));
      await expect(cut).rejects.toMatchObject({ code: 'format/truncated' });
    }
  });
});
