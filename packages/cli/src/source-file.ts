import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isNetworkAddress, networkFile, networkFileName, type SourceFile } from '@flux-srpo/export';
import { hubOfEnvironment, pipelineFolder } from '@flux-srpo/export/node';
import { fileSource } from '@flux-srpo/formats/node';

/**
 * A file on disk, or on a network, where it is read in ranges as its bytes are needed.
 *
 * @param at a path, a URL, or `hf:owner/name[@revision]/path`
 * @param token for the hub alone, in place of `HF_TOKEN`, which other users cannot see
 */
export function sourceFile(at: string, token?: string): SourceFile {
  if (isNetworkAddress(at)) return networkFile(at, hubOfEnvironment(process.env, token));
  return {
    name: basename(at),
    open: () => fileSource(at),
    beside: (name) => sourceFile(join(dirname(at), name)),
  };
}

/** {@link sourceFile}, or of a network's own folder the file or index in it. */
export async function sourceFileOrFolder(at: string, token?: string): Promise<SourceFile> {
  const isFolder = !isNetworkAddress(at) && (await stat(at).catch(() => undefined))?.isDirectory();
  return isFolder ? sourceFile(join(at, await networkFileName(pipelineFolder(at)))) : sourceFile(at, token);
}
