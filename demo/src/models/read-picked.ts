import { words } from '../words.ts';

/** A picked or dropped file and where it lay: `folder/below/name`, or `name` alone. */
export interface Picked {
  path: string;
  file: File;
}

/** Far more than a model's folder has. Stops at a home directory that was dropped by mistake. */
const MAX_FILES = 5000;

/** The files of an input element, with or without `webkitdirectory`. */
export function pickedFiles(files: Iterable<File>): Picked[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** All that was dropped, folders too. To be called during the event: entries are gone later. */
export async function droppedFiles(data: DataTransfer): Promise<Picked[]> {
  // Files that a script put there have no entry.
  const dropped = [...data.items].map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const picked: Picked[] = [];
  for (const each of dropped) {
    if (each instanceof File) picked.push({ path: each.name, file: each });
    else if (each !== null) await collect(each, picked);
  }
  return picked;
}

async function collect(entry: FileSystemEntry, picked: Picked[]): Promise<void> {
  // Hidden folders hold caches of downloads and histories of repositories.
  if (entry.name.startsWith('.')) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    picked.push({ path: entry.fullPath.replace(/^\//, ''), file });
    if (picked.length > MAX_FILES) throw new Error(words.own.tooMany(MAX_FILES));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // The browser gives a hundred entries at a time, and none at the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const each of batch) await collect(each, picked);
  }
}
