import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSha256, sha256Hex } from './sha256.ts';

// FIPS 180-4 examples
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const MILLION_A = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0';

const abc = new TextEncoder().encode('abc');

describe('sha256Hex', () => {
  it('equals the standard', async () => {
    expect(await sha256Hex(new Uint8Array(0))).toBe(EMPTY);
    expect(await sha256Hex(abc)).toBe(ABC);
  });

  it('hashes the view, not its buffer, also over shared memory', async () => {
    expect(await sha256Hex(Uint8Array.of(9, ...abc, 9).subarray(1, 4))).toBe(ABC);
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set(abc);
    expect(await sha256Hex(shared)).toBe(ABC);
  });
});

describe.each([
  ['Node', () => {}],
  ['browsers', () => void vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined)],
])('createSha256 in %s', (_, prepare) => {
  beforeEach(prepare);
  afterEach(() => void vi.restoreAllMocks());

  it('equals the standard in pieces of any length', async () => {
    const hasher = await createSha256();
    const piece = new Uint8Array(9973).fill(0x61);
    for (let left = 1_000_000; left > 0; left -= piece.length) hasher.update(piece.subarray(0, Math.min(left, 9973)));
    expect(hasher.hex()).toBe(MILLION_A);
    expect((await createSha256()).hex()).toBe(EMPTY);
  });

  it('keeps two hashers apart', async () => {
    const [first, second] = [await createSha256(), await createSha256()];
    first.update(abc.subarray(0, 1));
    second.update(abc);
    first.update(abc.subarray(1));
    expect([first.hex(), second.hex()]).toEqual([ABC, ABC]);
  });
});
