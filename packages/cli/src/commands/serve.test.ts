import { describe, expect, it } from 'vitest';
import { runServe } from './serve.ts';

describe('serve, of a wrong command line', () => {
  it.each<[string, string[], string, RegExp]>([
    ['no model', [], 'input/required', /^--model/],
    ['a port that is none', ['--port', '70000'], 'input/out-of-range', /^--port must .* got 70000$/],
    ['a port of text', ['--port', 'http'], 'input/type', /^--port must .* got "http"$/],
    ['half a queue', ['--queue', '0.5'], 'input/out-of-range', /^--queue must .* got 0.5$/],
    ['no lifetime', ['--image-lifetime', '0'], 'input/out-of-range', /^--image-lifetime must/],
    ['an origin with a path', ['--cors', 'https://page.example/app'], 'input/out-of-range', /^--cors must/],
    ['an origin without a scheme', ['--cors', 'page.example'], 'input/out-of-range', /^--cors must/],
    [
      'a public address with a path',
      ['--public-url', 'https://a.example/b'],
      'input/out-of-range',
      /^--public-url must/,
    ],
    ['a public address that is none', ['--public-url', 'a.example'], 'input/out-of-range', /^--public-url must/],
    ['an empty key', ['--api-key', ''], 'input/field-unsupported', /^--api-key must/],
    ['no such bundle', [], 'model/not-found', /nowhere/],
  ])('says %s', async (name, options, code, message) => {
    const model = name === 'no model' ? [] : ['--model', 'nowhere'];
    const error = await runServe([...model, ...options], new AbortController().signal).catch((error) => error);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
