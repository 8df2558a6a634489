import { decode } from 'fast-png';
import { unzlibSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { pngText } from '../../../test/support/png-text.ts';
import { encodePng } from './encode-png.ts';

const width = 7;
const height = 5;
const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i * 31) % 256);

// fast-png decodes; it checks every chunk's CRC-32.
describe('encodePng', () => {
  it('is decoded to the same pixels', () => {
    const image = decode(encodePng({ width, height, rgb }), { checkCrc: true });
    expect(image).toMatchObject({ width, height, channels: 3, depth: 8 });
    expect([...image.data]).toEqual([...rgb]);
  });

  it('gives each row the filter that predicts it, and undoes all five', () => {
    const side = 40;
    const stride = side * 3;
    const picture = new Uint8Array(9 * stride);
    const at = (row: number, i: number) => (i < 0 ? 0 : picture[row * stride + i]!);
    for (let i = 0; i < picture.length; i++) picture[i] = (i * 7919 + (i >> 3) * 31) % 256;
    // Below each row of noise, one that follows from its left, upper, or both neighbours; last, one
    // near zero.
    for (let i = 0; i < stride; i++) {
      picture[1 * stride + i] = at(1, i - 3) + (i % 2);
      picture[3 * stride + i] = at(2, i) + (i % 2);
      picture[5 * stride + i] = (at(5, i - 3) + at(4, i)) >> 1;
      picture[7 * stride + i] = i < stride / 2 ? at(6, i) : at(7, i - 3); // Paeth finds either
      picture[8 * stride + i] = i % 2;
    }
    const png = encodePng({ width: side, height: 9, rgb: picture });
    expect([...decode(png, { checkCrc: true }).data]).toEqual([...picture]);
    // One IDAT between the header (33 bytes) and the end (12); each row begins with its filter
    // type.
    const rows = unzlibSync(png.subarray(33 + 8, png.length - 12 - 4));
    const filters = [1, 3, 5, 7, 8].map((row) => rows[row * (stride + 1)]);
    expect(filters).toEqual([1, 2, 3, 4, 0]);
  });

  it('gives the same bytes for the same picture and text', () => {
    const text = { parameters: 'a cat\nSteps: 28', settings: '{"seed":42}' };
    expect(encodePng({ width, height, rgb }, text)).toEqual(encodePng({ width, height, rgb }, text));
  });

  it('refuses pixels that do not fit, and keywords PNG cannot hold', () => {
    expect(() => encodePng({ width: 8, height, rgb })).toThrow(RangeError);
    for (const keyword of ['', 'x'.repeat(80), 'a\0b', '猫']) {
      expect(() => encodePng({ width, height, rgb }, { [keyword]: '' })).toThrow(RangeError);
    }
  });
});

describe('text', () => {
  const text = {
    parameters: 'a café, 35mm\nSteps: 28, Sampler: Euler',
    emoji: '日本語 😀 \r\n',
    empty: '',
    long: 'long '.repeat(10_000),
  };

  it('is stored whole, Latin-1 or not', () => {
    expect(Object.fromEntries(pngText(encodePng({ width, height, rgb }, text)))).toEqual(text);
  });

  it('is read by others too where it is Latin-1', () => {
    const decoded = decode(encodePng({ width, height, rgb }, { parameters: text.parameters }));
    expect(decoded.text).toEqual({ parameters: text.parameters });
  });

  it('shows a NUL, which would end the text, as U+FFFD', () => {
    expect(pngText(encodePng({ width, height, rgb }, { p: 'a\0b' })).get('p')).toBe('a\ufffdb');
  });
});
