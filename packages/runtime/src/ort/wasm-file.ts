import { type FluxError, NetworkError } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';

/**
 * Why the runtime's `.wasm` file could not start: its address, what the server says of it, and the
 * option that names another. onnxruntime-web blames the first graph instead, and a bundler or a
 * server that misplaces the file is the usual cause.
 *
 * @param wasmUrl where it was looked for; absent: beside the runtime's module, as the browser has
 *   recorded it
 * @returns undefined where the file is not to blame
 */
export async function explainWasm(wasmUrl: string | undefined): Promise<FluxError | undefined> {
  const url = wasmUrl ?? lastWasm();
  if (url === undefined) return undefined;
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    return unreachable(url, cause);
  }
  const option = optionOf(url);
  const magic = new Uint8Array((await response.body?.getReader().read())?.value ?? []).subarray(0, 4);
  const { status } = response;
  if (!response.ok) {
    return new NetworkError(`the runtime's file ${url} must be there, got status ${status}; ${NEXT}`, {
      code: 'network/status',
      details: { ...option, status },
    });
  }
  if (new TextDecoder().decode(magic) === '\0asm') return undefined;
  const type = response.headers.get('content-type');
  return new NetworkError(`the runtime's file ${url} must be WebAssembly, got status ${status} with ${type}; ${NEXT}`, {
    code: 'network/response-invalid',
    details: { ...option, status, type },
  });
}

/**
 * The runtime's `.wasm` file, which is the one that the page knows.
 *
 * @param expected its SHA-256 in lower-case hex
 * @throws NetworkError where another file came, or none
 */
export async function fetchWasm(url: string, expected: string): Promise<ArrayBuffer> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  const bytes = await response.arrayBuffer().catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  const got = await sha256Hex(new Uint8Array(bytes));
  if (got === expected) return bytes;
  throw (
    (await explainWasm(url)) ??
    new NetworkError(
      `the runtime's file ${url} must have the SHA-256 ${expected}, got ${got}; ` +
        'put the file of this version of onnxruntime-web there, or correct wasmSha256',
      { code: 'network/response-invalid', details: { ...optionOf(url), expected, got } },
    )
  );
}

const NEXT = 'put it there, or name its address as wasmUrl';

/** `option` says that the next attempt needs a new worker: the runtime starts once in each. */
const optionOf = (url: string) => ({ url, option: 'wasmUrl' });

function unreachable(url: string, cause: unknown): NetworkError {
  return new NetworkError(`the runtime's file ${url} could not be fetched; ${NEXT}`, {
    code: 'network/unreachable',
    details: optionOf(url),
    cause,
  });
}

/** The `.wasm` file that was asked for last. */
function lastWasm(): string | undefined {
  const names = performance.getEntriesByType('resource').map(({ name }) => name);
  return names.reverse().find((name) => /\.wasm(\?|$)/.test(name));
}
