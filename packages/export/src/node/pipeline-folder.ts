import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '@flux-srpo/core';
import { fileSource } from '@flux-srpo/formats/node';
import type { SourceFolder } from '../sources/source-folder.ts';

/** Levels of folders that are listed: a pipeline or a bundle has no deeper ones. */
const MAX_DEPTH = 2;

/** A pipeline or bundle folder on disk. Links are followed: a hub's cache is made of them. */
export function pipelineFolder(folder: string): SourceFolder {
  let listed: Promise<readonly string[]> | undefined;
  const list = () => {
    listed ??= listFiles(folder, '', MAX_DEPTH);
    return listed;
  };
  return {
    list,
    async open(path) {
      if (!(await list()).includes(path)) {
        throw new ModelError(`${path} is missing from the folder; download it too`, {
          code: 'model/file-missing',
          details: { path },
        });
      }
      // Both text encoders' files have the same last name.
      return { ...(await fileSource(join(folder, path))), name: path };
    },
  };
}

async function listFiles(root: string, below: string, depth: number): Promise<string[]> {
  const entries = await readdir(join(root, below)).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(
      `cannot read the folder ${join(root, below)}: ${cause.code ?? cause.message}; check its name and permissions`,
      {
        code: 'model/not-found',
        details: { folder: below },
        cause,
      },
    );
  });
  const files: string[] = [];
  for (const entry of entries.sort()) {
    const path = below === '' ? entry : `${below}/${entry}`;
    // A broken link counts as no file.
    const info = await stat(join(root, path)).catch(() => undefined);
    if (info?.isFile()) files.push(path);
    else if (info?.isDirectory() && depth > 1) files.push(...(await listFiles(root, path, depth - 1)));
  }
  return files;
}
