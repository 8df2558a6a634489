import { InputError } from '@flux-srpo/core';
import { type ByteSource, httpSource, openRetrying } from '@flux-srpo/formats';
import type { SourceFile } from '../sources/combine-sources.ts';
import { hashedSource } from './hashed-source.ts';
import { beside, HUGGING_FACE, type HubAddress, hubAddress } from './hub-address.ts';
import { type HubOptions, HubRequest } from './hub-request.ts';
import { publishedSha256 } from './published-hash.ts';

export interface NetworkOptions extends HubOptions {
  /** Opens the file where this machine has it already, in the hub's cache for instance. */
  openLocal?: ((address: HubAddress) => Promise<ByteSource | undefined>) | undefined;
}

/**
 * A file at `hf:owner/name[@revision]/path` or at a URL, which is read in ranges as its bytes are
 * needed. The token goes to the hub, and to no other host that a URL names.
 */
export function networkFile(at: string, options: NetworkOptions = {}): SourceFile {
  const { endpoint = HUGGING_FACE } = options;
  requireSafe(new URL(endpoint));
  const address = hubAddress(at, endpoint);
  if (address !== undefined) return hubFile(address, options);
  const url = new URL(at);
  requireSafe(url);
  return {
    name: decodeURIComponent(url.pathname.split('/').pop() ?? '') || 'file',
    open: () => openRetrying(() => httpSource(url, options.fetch && { fetch: options.fetch })),
    beside: (name) => networkFile(new URL(name, url).href, options),
  };
}

function hubFile(address: HubAddress, options: NetworkOptions): SourceFile {
  return {
    name: address.path.split('/').pop()!,
    async open() {
      const local = await options.openLocal?.(address);
      if (local !== undefined) return local;
      const request = new HubRequest(address, options);
      const [source, published] = await Promise.all([
        openRetrying(() => httpSource(request.url, { fetch: request.fetch })),
        options.redirects === 'by-hand' ? undefined : publishedSha256(address, options),
      ]);
      const sha256 = request.sha256 ?? published;
      return sha256 === undefined ? source : hashedSource({ ...source, version: sha256 }, sha256);
    },
    beside: (name) => hubFile(beside(address, name), options),
  };
}

function requireSafe(url: URL): void {
  const isNear =
    ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname) || url.origin === globalThis.location?.origin;
  if (url.protocol === 'https:' || isNear) return;
  throw new InputError(`weights must come over https, got ${url.origin}; use an https address`, {
    code: 'input/field-unsupported',
    details: { origin: url.origin },
  });
}
