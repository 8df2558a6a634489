/** A file and where it lay in what the user picked or dropped: `folder/below/name`, or `name` alone. */
export interface Picked {
  path: string;
  file: File;
}

/** Far above any model's folder; a home directory dropped by mistake ends here. */
const MAX_FILES = 5000;

/** The files of an input element, with `webkitdirectory` or without. */
export function pickedFiles(files: Iterable<File>): Picked[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** What was dropped, folders with all that is in them. Must be called in the drop's own event, where the entries still are. */
export async function droppedFiles(data: DataTransfer): Promise<Picked[]> {
  // Files that a program put there have no entry.
  const dropped = [...data.items].map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const picked: Picked[] = [];
  for (const each of dropped) {
    if (each instanceof File) picked.push({ path: each.name, file: each });
    else if (each !== null) await collect(each, picked);
  }
  return picked;
}

async function collect(entry: FileSystemEntry, picked: Picked[]): Promise<void> {
  // Where downloads keep their caches and repositories their history.
  if (entry.name.startsWith('.')) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    picked.push({ path: entry.fullPath.replace(/^\//, ''), file });
    if (picked.length > MAX_FILES)
      throw new Error(`a model’s folder has at most ${MAX_FILES} files; drop that folder alone`);
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A hundred at a time, none at the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const each of batch) await collect(each, picked);
  }
}
