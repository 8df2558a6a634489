import { readBounded } from '@flux-srpo/core';
import { HUGGING_FACE, type HubAddress } from './hub-address.ts';
import type { HubOptions } from './hub-request.ts';

const SHA256 = /^[0-9a-f]{64}$/;
const MAX_BYTES = 64 * 1024;
/** The file is read without the check where the hub is slower than this. */
const TIMEOUT_MS = 10_000;

/**
 * The SHA-256 that the hub's API gives of a large file, lower-case hex. For browsers, which hide
 * the redirect that tells it elsewhere. Undefined where the hub does not say: nothing but the
 * check depends on it, and what is wrong with the file itself, its own address says.
 *
 * @see https://github.com/huggingface/huggingface.js/blob/1686d8ba9fe411752467bc0a80cc555b0e0d7f64/packages/hub/src/lib/paths-info.ts `pathsInfo`
 */
export async function publishedSha256(
  { repository, revision, path }: HubAddress,
  { endpoint = HUGGING_FACE, token, fetch: fetcher = fetch }: HubOptions,
): Promise<string | undefined> {
  const url = `${endpoint.replace(/\/$/, '')}/api/models/${repository}/paths-info/${encodeURIComponent(revision)}`;
  try {
    const response = await fetcher(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ paths: [path] }),
      // The token stays with the hub.
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    const bytes = await readBounded(response, {
      maxBytes: MAX_BYTES,
      tooLarge: (max) => new Error(`over ${max} bytes`),
    });
    return lfsHash(JSON.parse(new TextDecoder().decode(bytes)), path);
  } catch {
    return undefined;
  }
}

function lfsHash(answer: unknown, path: string): string | undefined {
  const entries: { path?: unknown; lfs?: { oid?: unknown } }[] = Array.isArray(answer) ? answer : [];
  const oid = entries.find((entry) => entry?.path === path)?.lfs?.oid;
  return typeof oid === 'string' && SHA256.test(oid) ? oid : undefined;
}
