/** Uniform integers below `n` from a seed (Marsaglia's xorshift32; only repeatability matters). */
export function integers(seed: number): (n: number) => number {
  let state = seed | 0 || 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * n);
  };
}

/** Values at which integer arithmetic tends to go wrong, as little-endian 64-bit numbers. */
const EDGES = [
  0n,
  1n,
  7n,
  8n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/**
 * A copy of `bytes` with one to four mistakes among the first `within` bytes: a bit, a byte, a
 * number, a piece repeated or lost.
 */
export function mutate(bytes: Uint8Array, within: number, below: (n: number) => number): Uint8Array {
  let out = bytes.slice();
  for (let left = 1 + below(4); left > 0; left--) {
    const at = below(Math.min(within, out.length));
    switch (below(6)) {
      case 0:
        out[at] = out[at]! ^ (1 << below(8));
        break;
      case 1:
        out[at] = below(256);
        break;
      case 2:
        out.set(edge(below(EDGES.length)).subarray(0, out.length - at), at);
        break;
      case 3:
        out.set(edge(below(EDGES.length)).subarray(0, Math.min(4, out.length - at)), at);
        break;
      case 4: {
        const piece = out.subarray(at, at + 1 + below(64));
        out = join(out.subarray(0, at), piece, out.subarray(at));
        break;
      }
      default:
        out = join(out.subarray(0, at), out.subarray(at + 1 + below(64)));
    }
    if (out.length === 0) return out;
  }
  return out;
}

function edge(index: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(EDGES[index]!).buffer);
}

function join(...pieces: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
