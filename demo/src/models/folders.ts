import { createStore, del, set, type UseStore, values } from 'idb-keyval';

/** A bundle's folder of this machine, which is read in place. */
export interface Folder {
  /** `folder:<name>`. */
  url: string;
  name: string;
  /** What was picked: a handle, or where the browser has none its files, for this visit. */
  source: FileSystemDirectoryHandle | readonly File[];
}

/** What the platform's types lack. @see https://wicg.github.io/file-system-access/ */
type Picker = (options: { id: string; mode: 'read' }) => Promise<FileSystemDirectoryHandle>;
interface AskedHandle extends FileSystemDirectoryHandle {
  requestPermission?(descriptor: { mode: 'read' }): Promise<PermissionState>;
}

const { showDirectoryPicker } = globalThis as { showDirectoryPicker?: Picker };

/** Whether the browser gives folders that it remembers. */
export const HAS_PICKER = showDirectoryPicker !== undefined;

/** Opened when it is first needed: whoever picks no folder has no database. */
let opened: UseStore | undefined;
function database(): UseStore {
  opened ??= createStore('flux-srpo folders', 'folders');
  return opened;
}

/** Folders of earlier visits. A browser that stores nothing has none. */
export async function keptFolders(): Promise<Folder[]> {
  // Asking for the database would make it.
  const databases = await indexedDB.databases?.().catch(() => []);
  if (databases?.some(({ name }) => name === 'flux-srpo folders') !== true) return [];
  return (await values<FileSystemDirectoryHandle>(database()).catch(() => [])).map(folderOf);
}

/** Asks for a folder and remembers it. Undefined where the person picks none. */
export async function pickFolder(): Promise<Folder | undefined> {
  try {
    const folder = folderOf(await showDirectoryPicker!({ id: 'flux-srpo', mode: 'read' }));
    await set(folder.url, folder.source, database()).catch(() => undefined);
    return folder;
  } catch (error) {
    if ((error as DOMException).name === 'AbortError') return undefined;
    throw error;
  }
}

/** A folder that an input element gave. */
export function filesFolder(files: readonly File[]): Folder {
  const name = files[0]?.webkitRelativePath.split('/')[0] || 'files';
  return { url: `folder:${name}`, name, source: files };
}

export async function forgetFolder({ url, source }: Folder): Promise<void> {
  if (!Array.isArray(source)) await del(url, database());
}

/** Asks the person whether the page may read it again. To be called in a click. */
export async function allowReading({ source }: Folder): Promise<void> {
  if (!Array.isArray(source)) await (source as AskedHandle).requestPermission?.({ mode: 'read' });
}

function folderOf(source: FileSystemDirectoryHandle): Folder {
  return { url: `folder:${source.name}`, name: source.name, source };
}
