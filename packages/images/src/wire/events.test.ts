import { describe, expect, it } from 'vitest';
import { completedEvent, encodeEvent, partialImageEvent } from './events.ts';

const PICTURE = { b64_json: 'AAAA', created: 1, size: { width: 1024, height: 768 } };

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
    expect(completedEvent(PICTURE, 7)).toMatchObject({ type: 'image_generation.completed', seed: 7, created_at: 1 });
  });

  it('keeps line breaks of a message inside the data line', () => {
    const error = { message: 'a\nb', type: 'server_error', param: null, code: 'x' };
    expect(encodeEvent({ error })).toBe(`event: error\ndata: ${JSON.stringify({ error })}\n\n`);
  });
});
