import { InputError, strict } from '@flux-srpo/core';

/**
 * A bundle's folder on this machine, as the person chose it: what `showDirectoryPicker` gives, or
 * the files of an input element with `webkitdirectory`. It is read in place; nothing is copied.
 */
export type ModelFolder = FileSystemDirectoryHandle | Iterable<File>;

/** A picked folder as workers take it: its handle, or its files by their paths in the bundle. */
export type PickedFolder = FileSystemDirectoryHandle | ReadonlyMap<string, File>;

const MANIFEST = 'manifest.json';

/**
 * The folder, if this is one, and what messages call it.
 *
 * @param field the option, for errors
 */
export function readPickedFolder(value: unknown, field: string): { model: string; folder: PickedFolder } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isHandle(value)) return { model: `folder:${value.name}`, folder: value };
  if (!(Symbol.iterator in value)) return undefined;
  const given: unknown[] = [...(value as Iterable<unknown>)];
  if (!given.every(isFile)) throw strict.refusal(field, 'a URL, or a folder or its files', value, 'input/type');
  const files = given.map((file) => [file.webkitRelativePath || file.name, file] as const);
  const manifests = files.map(([path]) => path).filter((path) => path === MANIFEST || path.endsWith(`/${MANIFEST}`));
  // Of a bundle inside a bundle's folder, the outer one.
  const manifest = manifests.sort((a, b) => a.length - b.length)[0];
  if (manifest === undefined) {
    throw new InputError(
      `${field} must be a bundle's folder, which has a ${MANIFEST}; got ${files.length} files without one. Choose the folder that convert wrote`,
      { code: 'input/file-unsupported', details: { field } },
    );
  }
  const root = manifest.slice(0, -MANIFEST.length);
  const inside = files.filter(([path]) => path.startsWith(root));
  const name = root.split('/').at(-2) ?? 'files';
  return { model: `folder:${name}`, folder: new Map(inside.map(([path, file]) => [path.slice(root.length), file])) };
}

function isFile(value: unknown): value is File {
  return value instanceof Blob && 'name' in value;
}

/** By what it can do: a handle of another realm is of another class. */
export function isHandle(value: object): value is FileSystemDirectoryHandle {
  return 'kind' in value && value.kind === 'directory' && 'getFileHandle' in value;
}
