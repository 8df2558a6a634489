import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '@flux-srpo/core';
import { networkFileName, type SourceFile } from '@flux-srpo/export';
import { pipelineFolder } from '@flux-srpo/export/node';
import { httpSource, openRetrying } from '@flux-srpo/formats';
import { fileSource } from '@flux-srpo/formats/node';

export function isUrl(at: string): boolean {
  return /^https?:\/\//i.test(at);
}

/** A hub's access token from the command line or, unseen by other users, from the environment. */
export function hubToken(option: string | undefined): string | undefined {
  return option ?? (process.env.HF_TOKEN || undefined);
}

/**
 * A file on disk or at a URL, which is read in ranges as its bytes are needed.
 *
 * @param token sent to the URL's own host only: `fetch` drops it where a redirect leads elsewhere
 */
export function sourceFile(at: string, token?: string): SourceFile {
  if (!isUrl(at)) {
    return {
      name: basename(at),
      open: () => fileSource(at),
      beside: (name) => sourceFile(join(dirname(at), name)),
    };
  }
  const url = new URL(at);
  if (url.protocol === 'http:' && !isThisMachine(url)) {
    throw new InputError(`weights must come over https, got ${url.origin}`, {
      code: 'input/field-unsupported',
      details: { origin: url.origin },
    });
  }
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    name: basename(url.pathname) || 'file',
    open: () => openRetrying(() => httpSource(url, { headers })),
    beside: (name) => sourceFile(new URL(name, url).href, token),
  };
}

/** {@link sourceFile}, or of a network's own folder the file or index in it. */
export async function networkFile(at: string, token?: string): Promise<SourceFile> {
  const isFolder = !isUrl(at) && (await stat(at).catch(() => undefined))?.isDirectory();
  return isFolder ? sourceFile(join(at, await networkFileName(pipelineFolder(at)))) : sourceFile(at, token);
}

function isThisMachine({ hostname }: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
