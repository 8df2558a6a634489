import { describe, expect, it } from 'vitest';
import { type FluxSrpoOptions, resolveOptions } from './options.ts';
import { pageHome } from './page-home.ts';

const model = 'https://models.example/tiny/';
const inputOf = (options: FluxSrpoOptions) => resolveOptions({ model, ...options }, pageHome).local?.input;

describe('the precision option', () => {
  it('reaches the worker as it was given', () => {
    expect(inputOf({ precision: 'f32' })).toMatchObject({ precision: 'f32' });
    expect(inputOf({ precision: 'f16' })).toMatchObject({ precision: 'f16' });
    expect(inputOf({ precision: 'auto' })).toMatchObject({ precision: 'auto' });
    expect(inputOf({})).toMatchObject({ precision: undefined });
  });

  it('is refused by name where it is another word', () => {
    expect(() => inputOf({ precision: 'fp16' as 'f16' })).toThrow(
      expect.objectContaining({ code: 'input/out-of-range', message: expect.stringContaining('auto, f32, f16') }),
    );
  });
});

describe("the hash of the runtime's file", () => {
  const wasmSha256 = 'a'.repeat(64);

  it('reaches the worker with the address that it is of', () => {
    const wasmUrl = 'https://models.example/ort.wasm';
    expect(inputOf({ wasmUrl, wasmSha256 })).toMatchObject({ wasmUrl, wasmSha256 });
  });

  it('is refused without an address, and where it is no hash', () => {
    expect(() => inputOf({ wasmSha256 })).toThrow(expect.objectContaining({ code: 'input/required' }));
    expect(() => inputOf({ wasmUrl: '/ort.wasm', wasmSha256: 'sha256-abc' })).toThrow(
      expect.objectContaining({ message: expect.stringContaining('64 lower-case hex digits') }),
    );
  });
});
