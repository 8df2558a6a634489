import { describe, expect, it } from 'vitest';
import { promptWarnings, toBase64 } from './response.ts';

describe('toBase64', () => {
  it('equals Buffer for every byte, over the border of a piece', () => {
    const bytes = Uint8Array.from({ length: 0x8000 + 257 }, (_, i) => i);
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
    expect(toBase64(new Uint8Array())).toBe('');
  });
});

describe('promptWarnings', () => {
  it('says what each encoder did not read, and nothing when all was', () => {
    expect(promptWarnings({ clip: 0, t5: 0 })).toEqual([]);
    const warnings = promptWarnings({ clip: 12, t5: 3 });
    expect(warnings.map(({ field }) => field)).toEqual(['prompt', 'prompt']);
    expect(warnings.map(({ reason }) => /\d+/.exec(reason)?.[0])).toEqual(['3', '12']);
  });
});
