import { encodePng } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { completedEvents, encodeEvent, partialImageEvent } from './events.ts';
import { toBase64 } from './response.ts';

const PICTURE = { b64_json: 'AAAA', created: 1, size: { width: 1024, height: 768 }, image: 0 };

describe('encodeEvent', () => {
  it('writes one event of one data line, as the HTML standard has them', () => {
    const text = encodeEvent(partialImageEvent(PICTURE, 0));
    expect(text).toMatch(/^event: image_generation\.partial_image\ndata: [^\n]*\n\n$/);
    expect(JSON.parse(text.split('data: ')[1]!)).toMatchObject({
      type: 'image_generation.partial_image',
      partial_image_index: 0,
      b64_json: 'AAAA',
      size: '1024x768',
      output_format: 'png',
    });
  });

  it('ends with the picture and its seed', () => {
    const data = [{ b64_json: toBase64(encodePng({ width: 3, height: 2, rgb: new Uint8Array(18) })) }, { seed: 9 }];
    const [first, withheld] = completedEvents({ created: 1, data, seed: 7, backend: 'local', warnings: [] });
    expect(first).toMatchObject({ type: 'image_generation.completed', seed: 7, created_at: 1, size: '3x2' });
    expect(withheld).toMatchObject({ seed: 9, image_index: 1 });
    expect(Object.keys(withheld!)).not.toContain('b64_json');
  });

  it('keeps line breaks of a message inside the data line', () => {
    const error = { message: 'a\nb', type: 'server_error', param: null, code: 'x' };
    expect(encodeEvent({ error })).toBe(`event: error\ndata: ${JSON.stringify({ error })}\n\n`);
  });
});
