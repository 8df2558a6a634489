import { FormatError, isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { type ByteSource, bytesSource, checkRange } from '../sources/byte-source.ts';
import { readSafetensors } from './safetensors.ts';

const text = new TextEncoder();

/**
 * A file of `header` (text or bytes) and `data` bytes; `claim` is the header length written, where
 * it lies.
 */
function file(header: string | Uint8Array, data = 0, claim?: bigint): Uint8Array {
  const json = typeof header === 'string' ? text.encode(header) : header;
  const out = new Uint8Array(8 + json.length + data);
  new DataView(out.buffer).setBigUint64(0, claim ?? BigInt(json.length), true);
  out.set(json, 8);
  for (let i = 0; i < data; i++) out[8 + json.length + i] = i;
  return out;
}

const open = (bytes: Uint8Array) => readSafetensors(bytesSource(bytes, 'test.safetensors'));
const tensor = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const U8_4 = tensor('U8', '[4]', '[0,4]');

describe('readSafetensors', () => {
  it('reads metadata, tensors, whole and in ranges', async () => {
    const header = `{"__metadata__":{"format":"pt","é":"\\u732b"},"b":${tensor('F16', '[2,1]', '[4,8]')},"a":${U8_4}}   `;
    const opened = await open(file(header, 8));
    expect([...opened.metadata]).toEqual([
      ['format', 'pt'],
      ['é', '猫'],
    ]);
    const start = 8 + text.encode(header).length;
    expect([...opened.tensors]).toEqual([
      ['a', { dtype: 'U8', shape: [4], offset: start, bytes: 4 }],
      ['b', { dtype: 'F16', shape: [2, 1], offset: start + 4, bytes: 4 }],
    ]);
    expect([...(await opened.read('b'))]).toEqual([4, 5, 6, 7]);
    expect([...(await opened.readRange('b', 1, 2))]).toEqual([5, 6]);
  });

  it('lets scalars, empty tensors, spaces and a file without tensors pass', async () => {
    const header = `{ "s" : ${tensor('F32', '[ ]', '[ 0 , 4 ]')} , "z":${tensor('F32', '[0,7]', '[0,0]')}}`;
    expect((await open(file(header, 4))).tensors.get('z')).toMatchObject({ shape: [0, 7], bytes: 0 });
    expect((await open(file('{}'))).tensors.size).toBe(0);
    expect((await open(file('{"__metadata__":{}}'))).tensors.size).toBe(0);
    // safetensors 0.8.0 for Python reads this, and gives no metadata.
    expect((await open(file(`{"__metadata__": null,"a":${U8_4}}`, 4))).tensors.size).toBe(1);
    expect((await open(file(`{"f":${tensor('F4', '[2,3]', '[0,3]')}}`, 3))).info('f').bytes).toBe(3);
  });

  it('keeps tensors apart from the names of Object.prototype', async () => {
    const opened = await open(file(`{"__proto__":${U8_4}}`, 4));
    expect(opened.info('__proto__').bytes).toBe(4);
    expect(opened.tensors.get('constructor')).toBeUndefined();
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });

  it('refuses to read a tensor that is not there, or beyond one that is', async () => {
    const opened = await open(file(`{"a":${U8_4},"b":${tensor('U8', '[4]', '[4,8]')}}`, 8));
    await expect(opened.readRange('nope', 0, 1)).rejects.toMatchObject({ code: 'format/tensor-missing' });
    // Within the file, but in the next tensor.
    await expect(opened.readRange('a', 2, 4)).rejects.toMatchObject({ code: 'format/offset-out-of-range' });
    await expect(opened.readRange('a', -1, 2)).rejects.toMatchObject({ code: 'format/offset-out-of-range' });
  });
});

// The reference's rules (safetensors/src/tensor.rs) and its attack files; each row is one lie.
const LIES: [name: string, bytes: Uint8Array, code: string][] = [
  ['no bytes at all', new Uint8Array(0), 'format/truncated'],
  ['seven bytes', new Uint8Array(7), 'format/truncated'],
  ['a header of no bytes', file('', 0), 'format/header-invalid'],
  ['a header length past the end of the file', file('{}', 0, 3n), 'format/truncated'],
  ['a header length over the limit', file('{}', 0, 100_000_001n), 'format/header-too-large'],
  ['a header length near 2^64', file('{}', 0, 2n ** 64n - 1n), 'format/header-too-large'],
  ['a header length whose low 32 bits alone would fit', file('{}', 0, 2n ** 32n + 2n), 'format/header-too-large'],
  ['a header that is not UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), 'format/header-invalid'],
  ['a byte order mark', file(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)), 'format/header-invalid'],
  ['a space before the brace', file(' {}'), 'format/header-invalid'],
  ['a web page', file('<!doctype html><html></html>'), 'format/header-invalid'],
  ['an array', file('[]'), 'format/header-invalid'],
  ['an object cut short', file('{"a":{"dtype":"U8"'), 'format/header-invalid'],
  ['a trailing comma', file(`{"a":${U8_4},}`, 4), 'format/header-invalid'],
  ['something after the object', file('{}{}'), 'format/header-invalid'],
  ['a NUL after the object', file('{}\0'), 'format/header-invalid'],
  ['the same tensor twice', file(`{"a":${U8_4},"a":${U8_4}}`, 4), 'format/header-invalid'],
  ['the same tensor twice, once escaped', file(`{"a":${U8_4},"\\u0061":${U8_4}}`, 4), 'format/header-invalid'],
  [
    'the same field twice',
    file('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    'format/header-invalid',
  ],
  ['two __metadata__', file('{"__metadata__":{},"__metadata__":{}}'), 'format/header-invalid'],
  ['metadata that is a number', file('{"__metadata__":{"a":1}}'), 'format/header-invalid'],
  ['metadata that is an object', file('{"__metadata__":{"a":{}}}'), 'format/header-invalid'],
  ['metadata that is a word', file('{"__metadata__":none}'), 'format/header-invalid'],
  ['metadata that is more than null', file('{"__metadata__":nullnull}'), 'format/header-invalid'],
  ['metadata of a null', file('{"__metadata__":{"a":null}}'), 'format/header-invalid'],
  ['a tensor without a shape', file('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), 'format/header-invalid'],
  [
    'a tensor with an unknown field',
    file('{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}', 1),
    'format/header-invalid',
  ],
  ['a tensor that is a number', file('{"a":1}'), 'format/header-invalid'],
  ['an unknown dtype', file(`{"a":${tensor('F128', '[1]', '[0,16]')}}`, 16), 'format/dtype-unsupported'],
  [
    'a dtype named like a method',
    file(`{"a":${tensor('constructor', '[1]', '[0,1]')}}`, 1),
    'format/dtype-unsupported',
  ],
  ['a negative dimension', file(`{"a":${tensor('U8', '[-4]', '[0,4]')}}`, 4), 'format/header-invalid'],
  ['a fractional dimension', file(`{"a":${tensor('U8', '[4.0]', '[0,4]')}}`, 4), 'format/header-invalid'],
  ['an exponent', file(`{"a":${tensor('U8', '[4e0]', '[0,4]')}}`, 4), 'format/header-invalid'],
  ['a leading zero', file(`{"a":${tensor('U8', '[04]', '[0,4]')}}`, 4), 'format/header-invalid'],
  ['a dimension as text', file(`{"a":${tensor('U8', '["4"]', '[0,4]')}}`, 4), 'format/header-invalid'],
  ['an offset of 2^53 + 1', file(`{"a":${tensor('U8', '[4]', '[0,9007199254740993]')}}`, 4), 'format/header-invalid'],
  ['an offset of 30 digits', file(`{"a":${tensor('U8', '[4]', `[0,${'9'.repeat(30)}]`)}}`, 4), 'format/header-invalid'],
  [
    'dimensions whose product overflows',
    file(`{"a":${tensor('F32', '[9007199254740991,9007199254740991]', '[0,4]')}}`, 4),
    'format/shape-mismatch',
  ],
  [
    'dimensions whose product wraps to the right size at 2^64',
    file(`{"a":${tensor('U8', '[4294967296,4294967296,4]', '[0,4]')}}`, 4),
    'format/shape-mismatch',
  ],
  [
    'an overflow hidden behind a zero',
    file(`{"a":${tensor('U8', '[4294967296,4294967296,0]', '[0,0]')}}`),
    'format/shape-mismatch',
  ],
  ['a rank of 33', file(`{"a":${tensor('U8', `[${'1,'.repeat(32)}1]`, '[0,1]')}}`, 1), 'format/header-invalid'],
  ['more bytes than its shape', file(`{"a":${tensor('U8', '[3]', '[0,4]')}}`, 4), 'format/shape-mismatch'],
  ['fewer bytes than its shape', file(`{"a":${tensor('F32', '[2]', '[0,4]')}}`, 4), 'format/shape-mismatch'],
  ['4-bit numbers that end within a byte', file(`{"a":${tensor('F4', '[3]', '[0,2]')}}`, 2), 'format/shape-mismatch'],
  ['offsets backwards', file(`{"a":${tensor('U8', '[4]', '[4,0]')}}`, 4), 'format/offset-out-of-range'],
  ['one offset', file(`{"a":${tensor('U8', '[4]', '[4]')}}`, 4), 'format/offset-out-of-range'],
  ['three offsets', file(`{"a":${tensor('U8', '[4]', '[0,4,8]')}}`, 4), 'format/offset-out-of-range'],
  ['data that does not begin at zero', file(`{"a":${tensor('U8', '[4]', '[1,5]')}}`, 5), 'format/offset-out-of-range'],
  [
    'a hole between tensors',
    file(`{"a":${U8_4},"b":${tensor('U8', '[2]', '[5,7]')}}`, 7),
    'format/offset-out-of-range',
  ],
  ['tensors that overlap', file(`{"a":${U8_4},"b":${tensor('U8', '[4]', '[2,6]')}}`, 6), 'format/offset-out-of-range'],
  ['tensors on the same bytes', file(`{"a":${U8_4},"b":${U8_4}}`, 4), 'format/offset-out-of-range'],
  ['bytes after the last tensor', file(`{"a":${U8_4}}`, 5), 'format/offset-out-of-range'],
  ['a last tensor cut short', file(`{"a":${U8_4}}`, 3), 'format/truncated'],
  ['data without tensors', file('{}', 1), 'format/offset-out-of-range'],
  ['half a character in a name', file(`{"\\ud800":${U8_4}}`, 4), 'format/header-invalid'],
  ['a bad escape', file(`{"\\x":${U8_4}}`, 4), 'format/header-invalid'],
  ['a raw newline in a name', file(`{"a\nb":${U8_4}}`, 4), 'format/header-invalid'],
  ['a name that never ends', file(`{"${'a'.repeat(1000)}`), 'format/header-invalid'],
];

describe('a malformed safetensors file', () => {
  it.each(LIES)('is refused: %s', async (_, bytes, code) => {
    const error: unknown = await open(bytes).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ code });
    // Hostile text is quoted, never poured, into the message.
    expect((error as Error).message.length).toBeLessThan(700);
    expect((error as Error).message).toContain(bytes.length < 8 ? 'got' : 'test.safetensors');
  });

  it('is refused without reading a tensor', async () => {
    const bytes = file(`{"a":${tensor('U8', '[4]', '[1,5]')}}`, 5_000_000);
    let read = 0;
    const inner = bytesSource(bytes, 'spied');
    const spied: ByteSource = {
      ...inner,
      read(offset, length) {
        read += length;
        return inner.read(offset, length);
      },
    };
    await expect(readSafetensors(spied)).rejects.toThrow(FormatError);
    expect(read).toBeLessThan(200);
  });

  // Linear time: ten million characters in well under the ten seconds that quadratic work would
  // exceed a thousandfold.
  it.each([
    ['one name of ten million characters', `{"${'a'.repeat(1e7)}":1}`],
    ['ten million digits', `{"a":${tensor('U8', `[${'1'.repeat(1e7)}]`, '[0,1]')}}`],
    ['ten million brackets', `{"a":${'['.repeat(1e7)}`],
    ['ten million spaces', `{${' '.repeat(1e7)}`],
    ['ten million dimensions', `{"a":${tensor('U8', `[${'1,'.repeat(5e6)}1]`, '[0,1]')}}`],
    [
      'more entries than any model has',
      `{"__metadata__":{${Array.from({ length: 300_000 }, (_, i) => `"${i}":""`).join()}}}`,
    ],
  ])('is refused quickly: %s', { timeout: 10_000 }, async (_, header) => {
    await expect(open(file(header))).rejects.toMatchObject({ code: 'format/header-invalid' });
  });
});

describe('a file beyond 4 GiB', () => {
  const GIB = 2 ** 30;
  const header = text.encode(
    `{"a":${tensor('U8', `[5,${GIB}]`, `[0,${5 * GIB}]`)},"b":${tensor('U32', '[2]', `[${5 * GIB},${5 * GIB + 8}]`)}}`,
  );

  /**
   * Bytes say where they are: each is its offset divided by 2^24, modulo a prime, so that 4 GiB
   * more or less shows.
   */
  const sparse: ByteSource = {
    size: 8 + header.length + 5 * GIB + 8,
    name: 'large.safetensors',
    async read(offset, length) {
      checkRange(sparse, offset, length);
      const start = file(header);
      return Uint8Array.from({ length }, (_, i) => start[offset + i] ?? Math.floor((offset + i) / 2 ** 24) % 251);
    },
  };

  it('is read at offsets that 32 bits cannot hold', async () => {
    const opened = await readSafetensors(sparse);
    expect(opened.info('b').offset).toBe(8 + header.length + 5 * GIB);
    expect([...(await opened.read('b'))]).toEqual(Array(8).fill(320 % 251));
    expect([...(await opened.readRange('a', 4.5 * GIB, 2))]).toEqual([288 % 251, 288 % 251]);
    expect([...(await opened.readRange('a', 0.25 * GIB, 1))]).toEqual([16]);
  });
});

describe('a safetensors header under ten thousand mutations', () => {
  const valid = file(
    `{"__metadata__":{"format":"pt"},"a":${U8_4},"b":${tensor('F16', '[2,1]', '[4,8]')},"c":${tensor('F32', '[]', '[8,12]')}}`,
    12,
  );

  it('is either refused as a FormatError or read consistently', { timeout: 60_000 }, async () => {
    const random = lcg(20261122);
    const outcomes = { refused: 0, read: 0 };
    for (let round = 0; round < 10_000; round++) {
      const mutant = mutate(valid, random);
      try {
        const opened = await open(mutant);
        // Whatever got through obeys the rules: contiguous, in bounds, sized by shape, ending with
        // the file.
        let at: number | undefined;
        for (const { offset, bytes } of opened.tensors.values()) {
          expect(offset).toBe(at ?? offset);
          at = offset + bytes;
        }
        expect(at ?? mutant.length).toBe(mutant.length);
        outcomes.read++;
      } catch (error) {
        if (!isFluxError(error, 'format/')) throw new Error(`round ${round} escaped`, { cause: error });
        outcomes.refused++;
      }
    }
    // A fuzz that never gets past the first check, or never fails, tests nothing.
    expect(outcomes.refused).toBeGreaterThan(5000);
    expect(outcomes.read).toBeGreaterThan(100);
  });
});

/** Numerical Recipes' generator: small, seeded, good enough to pick bytes. */
function lcg(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * One to three edits: a byte changed, a structural character put in, a run removed, doubled, or the
 * file cut.
 */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let out = [...bytes];
  const structural = text.encode('{}[]",:0189eE-.\\ \n');
  for (let edits = 1 + random(3); edits > 0; edits--) {
    const at = random(out.length);
    const run = 1 + random(8);
    switch (random(6)) {
      case 0:
        out[at] = random(256);
        break;
      case 1:
        out[at] = structural[random(structural.length)]!;
        break;
      case 2:
        out.splice(at, run);
        break;
      case 3:
        out.splice(at, 0, ...out.slice(at, at + run));
        break;
      case 4:
        out = out.slice(0, Math.max(at, 1));
        break;
      default:
        out.splice(at, 0, structural[random(structural.length)]!);
    }
  }
  // Half of the time the length is put right, so that edits reach the parser and not only the first
  // check.
  if (random(2) === 0 && out.length >= 20) {
    const view = new DataView(Uint8Array.from(out).buffer);
    view.setBigUint64(0, BigInt(out.length - 20), true);
    return new Uint8Array(view.buffer);
  }
  return Uint8Array.from(out);
}
