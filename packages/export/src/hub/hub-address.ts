import { InputError } from '@flux-srpo/core';

/** A file in a repository of a hub that is made as Hugging Face's. */
export interface HubAddress {
  /** `owner/name` */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Path in the repository, with `/`. */
  readonly path: string;
}

export const HUGGING_FACE = 'https://huggingface.co';

const SCHEME = 'hf:';
const DEFAULT_REVISION = 'main';
const NAME = '[A-Za-z0-9][A-Za-z0-9._-]*';
/** `refs/pr/3` is one revision. Any other with slashes is written with `%2F`. */
const REVISION = 'refs/(?:pr|convert)/[^/@]+|[^/@]+';
const ADDRESS = new RegExp(`^hf:(${NAME}/${NAME})(?:@(${REVISION}))?/(.+)$`);
const PAGE = new RegExp(`^/(${NAME}/${NAME})/(?:resolve|blob|raw)/(${REVISION})/(.+)$`);

/** Whether `at` is a file on a network, not a path. */
export function isNetworkAddress(at: string): boolean {
  return at.startsWith(SCHEME) || /^https?:\/\//i.test(at);
}

/**
 * The file that `hf:owner/name[@revision]/path` names, or an address of the hub's own
 * (`…/resolve/main/…`, `…/blob/main/…`). Undefined for any other text.
 *
 * @param endpoint origin of the hub
 */
export function hubAddress(at: string, endpoint = HUGGING_FACE): HubAddress | undefined {
  if (at.startsWith(SCHEME)) {
    const match = ADDRESS.exec(at);
    const path = match?.[3];
    if (match === null || path === undefined || !isPath(path)) throw notAnAddress(at);
    return { repository: match[1]!, revision: decodeURIComponent(match[2] ?? DEFAULT_REVISION), path };
  }
  if (!URL.canParse(at)) return undefined;
  const url = new URL(at);
  const base = new URL(endpoint);
  const folder = base.pathname.replace(/\/$/, '');
  if (url.origin !== base.origin || !url.pathname.startsWith(`${folder}/`)) return undefined;
  const [, repository, revision, path] = PAGE.exec(url.pathname.slice(folder.length)) ?? [];
  if (repository === undefined || revision === undefined || path === undefined) return undefined;
  return { repository, revision: decodeURIComponent(revision), path: decodeURIComponent(path) };
}

/** Where the hub serves the file. */
export function fileUrl({ repository, revision, path }: HubAddress, endpoint = HUGGING_FACE): URL {
  const segments = [repository, 'resolve', encodeURIComponent(revision), ...path.split('/').map(encodeURIComponent)];
  return new URL(`${endpoint.replace(/\/$/, '')}/${segments.join('/')}`);
}

/** The page on which a person reads and accepts the licence of a repository. */
export function licencePage({ repository }: Pick<HubAddress, 'repository'>, endpoint = HUGGING_FACE): string {
  return `${endpoint.replace(/\/$/, '')}/${repository}`;
}

/** The file `name` in the folder of another. It stays in the repository. */
export function beside(address: HubAddress, name: string): HubAddress {
  const path = address.path.replace(/[^/]*$/, name);
  if (!isPath(path)) throw notAnAddress(`hf:${address.repository}/${path}`);
  return { ...address, path };
}

function notAnAddress(at: string): InputError {
  return new InputError(
    `a hub's file must be hf:owner/name/path or hf:owner/name@revision/path, got "${at}"; copy its names from the hub's page`,
    {
      code: 'input/type',
      details: { got: at },
    },
  );
}

function isPath(path: string): boolean {
  return path.split('/').every((segment) => !['', '.', '..'].includes(segment));
}
