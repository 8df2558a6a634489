import { describe, expect, it } from 'vitest';
import { Redactor } from './redactor.ts';

const KEY = 'Bearer sk-0123/456+789=abc';
const SECRET = 'sk-0123/456+789=abc';

function snippet(text: string, isCut?: boolean): string {
  const redactor = new Redactor();
  redactor.add(KEY);
  return redactor.snippet(text, isCut);
}

describe('a snippet', () => {
  it.each([
    ['as it is', KEY],
    ['without its scheme', SECRET],
    ['in another case', SECRET.toUpperCase()],
    ['in a URL', encodeURIComponent(SECRET)],
    ['in JSON, every character by its number', [...SECRET].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')],
    ['in JSON, with escaped slashes', SECRET.replaceAll('/', '\\/')],
    ['in HTML, by decimal numbers', [...SECRET].map((c) => `&#${c.charCodeAt(0)};`).join('')],
    ['in HTML, by hexadecimal numbers', [...SECRET].map((c) => `&#x${c.charCodeAt(0).toString(16)};`).join('')],
    ['with markup inside', `${SECRET.slice(0, 9)}<wbr>${SECRET.slice(9)}`],
    ['with a line break inside', `${SECRET.slice(0, 9)}\r\n${SECRET.slice(9)}`],
    ['with an invisible character inside', `${SECRET.slice(0, 9)}\u200b${SECRET.slice(9)}`],
    ['between other letters', `x${SECRET}x`],
  ])('does not show the key %s', (_, text) => {
    const shown = snippet(`the key ${text} is wrong`);
    expect(shown).toMatch(/^the key x?\[redacted\]x? is wrong$/);
  });

  it('leaves words alone, the scheme of a key among them', () => {
    expect(snippet('Bearer tokens only, sk-0')).toBe('Bearer tokens only, sk-0');
  });

  it('of a text that was cut does not end in the first half of the key', () => {
    for (let length = 4; length < SECRET.length; length++) {
      expect(snippet(`key ${SECRET.slice(0, length)}`, true)).toBe('key [redacted]');
    }
    expect(snippet('key s', true)).toBe('key s');
  });

  it('is one short line without markup, control or direction characters', () => {
    expect(snippet('<h1>502\n</h1>\0\u202e<script>x</script>\ud800 < >')).toBe('502 x');
    const long = snippet('ab '.repeat(1e5));
    expect(long).toHaveLength(200);
    expect(long.endsWith('…')).toBe(true);
  });

  it('takes time in proportion to the text, whatever is in it', () => {
    const start = performance.now();
    for (const piece of ['<', '<a', '&#x1', '\\u00', 'sk-0123', ' ', '%4'])
      snippet(piece.repeat(2 ** 17 / piece.length));
    // Some 10 ms each; squared it would be minutes.
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
