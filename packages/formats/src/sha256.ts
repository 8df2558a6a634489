import { createSHA256 } from 'hash-wasm';

/**
 * SHA-256: WebCrypto's for a piece in memory (native speed, in browsers and Node alike), and for
 * streams, which WebCrypto cannot hash, Node's own, or in browsers hash-wasm, a quarter as fast.
 * Streaming is only used where bundles are made and checked whole; the reading path hashes chunks,
 * so its bundle does not carry the wasm. hash-wasm inlines its module, which a page's CSP must
 * allow with `wasm-unsafe-eval`, as the inference runtime needs anyway.
 */

/** Lower-case hex SHA-256 of `bytes`. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  // WebCrypto refuses views of shared memory.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', own)));
}

export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Lower-case hex; the hasher is spent. */
  hex(): string;
}

/** A hasher for bytes that arrive in pieces. */
export async function createSha256(): Promise<Sha256> {
  const native = nodeCrypto()?.createHash('sha256');
  if (native !== undefined) return { update: (bytes) => void native.update(bytes), hex: () => native.digest('hex') };
  const hasher = await createSHA256();
  return {
    update(bytes) {
      hasher.update(bytes);
    },
    hex: () => hasher.digest('hex'),
  };
}

/** Asked of the process, so that no bundler for browsers looks for it. */
function nodeCrypto(): typeof import('node:crypto') | undefined {
  return globalThis.process?.getBuiltinModule?.('node:crypto');
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
