import { type FluxError, NetworkError } from '@flux-srpo/core';

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
  const option = { url, option: 'wasmUrl' };
  const next = 'put it there, or name its address as wasmUrl';
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    return new NetworkError(`the runtime's file ${url} could not be fetched; ${next}`, {
      code: 'network/unreachable',
      details: option,
      cause,
    });
  }
  const magic = new Uint8Array((await response.body?.getReader().read())?.value ?? []).subarray(0, 4);
  const { status } = response;
  if (!response.ok) {
    return new NetworkError(`the runtime's file ${url} must be there, got status ${status}; ${next}`, {
      code: 'network/status',
      details: { ...option, status },
    });
  }
  if (new TextDecoder().decode(magic) === '\0asm') return undefined;
  const type = response.headers.get('content-type');
  return new NetworkError(`the runtime's file ${url} must be WebAssembly, got status ${status} with ${type}; ${next}`, {
    code: 'network/response-invalid',
    details: { ...option, status, type },
  });
}

/** The `.wasm` file that was asked for last. */
function lastWasm(): string | undefined {
  const names = performance.getEntriesByType('resource').map(({ name }) => name);
  return names.reverse().find((name) => /\.wasm(\?|$)/.test(name));
}
