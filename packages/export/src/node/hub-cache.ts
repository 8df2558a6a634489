import { readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { ByteSource } from '@flux-srpo/formats';
import { fileSource } from '@flux-srpo/formats/node';
import type { HubAddress } from '../hub/hub-address.ts';
import type { NetworkOptions } from '../hub/network-file.ts';

/** The environment of Hugging Face's own tools. */
export type HubEnvironment = Readonly<Partial<Record<string, string>>>;

const COMMIT = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * The hub as the environment says: `HF_ENDPOINT`, `HF_TOKEN`, and the cache that Hugging Face's
 * tools keep (`HF_HUB_CACHE`, `HF_HOME`).
 * @param token in place of `HF_TOKEN`
 */
export function hubOfEnvironment(env: HubEnvironment, token?: string): NetworkOptions {
  return {
    endpoint: env.HF_ENDPOINT || undefined,
    token: token ?? (env.HF_TOKEN || undefined),
    redirects: 'by-hand',
    openLocal: (address) => openCached(cacheFolder(env), address),
  };
}

/** @see https://github.com/huggingface/huggingface_hub/blob/v1.2.3/src/huggingface_hub/constants.py */
function cacheFolder(env: HubEnvironment): string {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  return env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, 'hub');
}

async function openCached(cache: string, { repository, revision, path }: HubAddress): Promise<ByteSource | undefined> {
  const folder = join(cache, `models--${repository.replace('/', '--')}`);
  const commit = COMMIT.test(revision)
    ? revision
    : (await readFile(join(folder, 'refs', revision), 'utf8').catch(() => '')).trim();
  if (commit === '') return undefined;
  // A link to the file's blob, which has the name of its hash.
  const blob = await realpath(join(folder, 'snapshots', commit, path)).catch(() => undefined);
  if (blob === undefined) return undefined;
  const source = await fileSource(blob);
  const sha256 = basename(blob);
  const name = path.split('/').pop()!;
  // The same version as the hub gives: an interrupted conversion goes on from either place.
  return { ...source, name, ...(SHA256.test(sha256) && { version: sha256 }) };
}
