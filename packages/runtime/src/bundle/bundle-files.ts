import { InputError, isFluxError, ModelError } from '@flux-srpo/core';
import type { BundleSource } from './bundle-source.ts';
import { type HttpFileOptions, httpFile } from './http-file.ts';

/** Where a bundle's files come from. Not trusted: whoever reads checks sizes and hashes. */
export interface BundleFiles {
  /** For messages: a URL, a folder name. */
  readonly name: string;
  /**
   * Opens one file. Where there is none, this or the first read rejects with `model/file-missing`.
   * @param size what the manifest says, which saves asking a server
   */
  open(path: string, size?: number): Promise<BundleSource>;
}

export interface HttpBundleOptions extends HttpFileOptions {
  /** Addresses of the same folder on other servers, asked in turn where one fails. */
  mirrors?: readonly (string | URL)[] | undefined;
}

/**
 * A bundle on any static file server. One that answers no range requests serves it as well, as long
 * as all of it is kept.
 * @param baseUrl the folder that holds `manifest.json`, absolute, http or https
 */
export function httpBundle(baseUrl: string | URL, { mirrors = [], ...options }: HttpBundleOptions = {}): BundleFiles {
  const base = parseBase(baseUrl);
  const bases = [base, ...mirrors.map(parseBase)];
  return {
    name: base.href,
    async open(path, size) {
      const found = <T>(answer: Promise<T>): Promise<T> =>
        answer.catch((cause: unknown) => {
          const isMissing = isFluxError(cause, 'network/status') && [404, 410].includes(cause.details.status as number);
          throw isMissing ? fileMissing(base.href, path, { cause }) : cause;
        });
      const urls = bases.map((each) => new URL(path, each));
      const source = await found(httpFile(urls, size, options));
      return {
        ...source,
        read: (...range) => found(source.read(...range)),
        pull: (...range) => found(source.pull(...range)),
      };
    },
  };
}

function parseBase(baseUrl: string | URL): URL {
  const base = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '') {
    throw new InputError(`the model's address must be an absolute http(s) URL without credentials, got "${baseUrl}"`, {
      code: 'input/type',
      details: { field: 'model' },
    });
  }
  // Without the slash, a file would replace the last segment. A folder has no query or hash.
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  base.search = '';
  base.hash = '';
  return base;
}

/** @param advice what to do about it */
export function fileMissing(
  name: string,
  path: string,
  { advice = 'upload or convert it again', cause }: { advice?: string; cause?: unknown } = {},
): ModelError {
  return new ModelError(`${path} is missing in ${name}; ${advice}`, {
    code: 'model/file-missing',
    details: { bundle: name, path },
    cause,
  });
}
