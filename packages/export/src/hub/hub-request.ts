import { NetworkError } from '@flux-srpo/core';
import { fileUrl, type HubAddress, licencePage } from './hub-address.ts';

/** How files of a hub are asked for. */
export interface HubOptions {
  /** Origin of the hub or of a mirror. @default Hugging Face */
  endpoint?: string | undefined;
  /** Access token. Only the hub itself gets it, never a host to which the hub redirects. */
  token?: string | undefined;
  fetch?: typeof fetch | undefined;
  /**
   * `by-hand` where the answers of a redirect can be read, which is in Node: they tell the file's
   * SHA-256. Browsers hide them and follow by themselves; there the hub's API is asked for it.
   *
   * @default 'by-fetch'
   */
  redirects?: 'by-hand' | 'by-fetch' | undefined;
}

const MAX_REDIRECTS = 10;
const REDIRECTS = [301, 302, 303, 307, 308];
/** A signed address has expired, or its file moved: each host chooses its own of these. */
const EXPIRED = [400, 401, 403, 404, 410];
const SHA256 = /^"?([0-9a-f]{64})"?$/;

/**
 * Asks a hub for one file, again and again.
 *
 * The hub answers large files with a signed address on another host, which expires. It is used
 * again while it works; then the hub is asked for a new one.
 */
export class HubRequest {
  readonly #address: HubAddress;
  readonly #options: HubOptions;
  readonly #url: URL;
  /** Where the hub sent us last. */
  #signed: string | undefined;
  /** What the hub says of the file itself, whichever host has its bytes. */
  #entityTag: string | undefined;

  constructor(address: HubAddress, options: HubOptions) {
    this.#address = address;
    this.#options = options;
    this.#url = fileUrl(address, options.endpoint);
  }

  get url(): URL {
    return this.#url;
  }

  /** Lower-case hex, where the hub has told it. */
  get sha256(): string | undefined {
    return SHA256.exec(this.#entityTag ?? '')?.[1];
  }

  readonly fetch: typeof fetch = async (_input, init) => {
    const signed = this.#signed;
    if (signed !== undefined) {
      // Whatever goes wrong there, the next try asks the hub.
      this.#signed = undefined;
      const response = await this.#fetch(new URL(signed), init);
      if (!EXPIRED.includes(response.status)) {
        if (response.ok) this.#signed = signed;
        return this.#withEntityTag(response);
      }
      await response.body?.cancel();
    }
    return this.#withEntityTag(await this.#ask(init));
  };

  async #ask(init: RequestInit | undefined): Promise<Response> {
    let url = this.#url;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#fetch(url, init);
      const { headers, status } = response;
      if (this.#isHub(url)) this.#entityTag = headers.get('x-linked-etag') ?? this.#entityTag;
      const location = REDIRECTS.includes(status) ? headers.get('location') : null;
      if (location === null) {
        // Where fetch follows by itself, only the answer knows where it came from.
        const from = URL.canParse(response.url) ? new URL(response.url) : url;
        await this.#refuse(response, from);
        // What is signed for HEAD is not for GET.
        const isKept = response.ok && !this.#isHub(from) && (init?.method ?? 'GET') === 'GET';
        if (isKept) this.#signed = from.href;
        return response;
      }
      await response.body?.cancel();
      const next = new URL(location, url);
      if (redirects === MAX_REDIRECTS || (next.protocol !== 'https:' && next.protocol !== this.#url.protocol)) {
        throw this.#error(`redirects to ${next.origin}, which is not followed`, { status });
      }
      url = next;
    }
  }

  async #fetch(url: URL, init: RequestInit | undefined): Promise<Response> {
    const { fetch: fetcher = fetch, token, redirects } = this.#options;
    const headers = new Headers(init?.headers);
    if (token !== undefined && this.#isHub(url)) headers.set('authorization', `Bearer ${token}`);
    return await fetcher(url, { ...init, headers, redirect: redirects === 'by-hand' ? 'manual' : 'follow' });
  }

  #isHub({ origin }: URL): boolean {
    return origin === this.#url.origin;
  }

  /** Throws for answers that only a person can change: a licence to accept, a token to give. */
  async #refuse(response: Response, from: URL): Promise<void> {
    const { status, headers } = response;
    if (!this.#isHub(from)) return;
    const isPage = status === 200 && headers.get('content-type')?.includes('text/html') === true;
    if (!isPage && status !== 401 && status !== 403) return;
    await response.body?.cancel();
    const { repository } = this.#address;
    const got = isPage ? 'its sign-in page' : String(status);
    if (headers.get('x-error-code') === 'RepoNotFound') {
      throw this.#error(`has no repository ${repository}, or keeps it from you: got ${got}; check the name`, {
        status,
        isGated: true,
      });
    }
    const page = licencePage(this.#address, this.#options.endpoint);
    const next = this.#options.token === undefined ? 'then give a token' : 'with the account whose token you gave';
    throw this.#error(
      `gives this file only to those who accepted its licence, got ${got}: accept the licence at ${page}, ${next}`,
      { status, isGated: true, licence: page },
    );
  }

  #error(problem: string, details: Record<string, unknown>): NetworkError {
    const { repository, path } = this.#address;
    return new NetworkError(`${repository}/${path}: the hub ${problem}`, {
      code: 'network/status',
      details: { name: path, ...details },
    });
  }

  /** The answer with the hub's own entity tag in place of that of the host which has the bytes. */
  #withEntityTag(response: Response): Response {
    if (this.#entityTag === undefined || !response.ok) return response;
    const headers = new Headers(response.headers);
    headers.set('etag', this.#entityTag);
    const { body, status, statusText } = response;
    return new Response(body, { status, statusText, headers });
  }
}
