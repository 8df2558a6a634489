import { clear, createStore, delMany, entries, set, type UseStore } from 'idb-keyval';
import { type Picture, type StoredPicture, withUrl } from './picture.ts';

/** More is not kept: the oldest go. */
const MOST_PICTURES = 200;
const MOST_BYTES = 500e6;

const PREFERENCE = 'flux-srpo keep pictures';

/** Opened when it is first needed: whoever keeps nothing has no database. */
let opened: UseStore | undefined;
function database(): UseStore {
  opened ??= createStore('flux-srpo pictures', 'pictures');
  return opened;
}

/** Pictures of earlier visits, newest first. */
export async function keptPictures(): Promise<Picture[]> {
  const kept = await entries<string, StoredPicture>(database());
  return kept.map(([, picture]) => withUrl(picture)).sort((a, b) => b.created - a.created || b.index - a.index);
}

export async function keep({ url: _, ...picture }: Picture): Promise<void> {
  await set(picture.id, picture, database());
}

export async function forget(pictures: readonly Picture[]): Promise<void> {
  for (const { url } of pictures) URL.revokeObjectURL(url);
  const ids = pictures.map(({ id }) => id);
  await delMany(ids, database());
}

export async function forgetAll(pictures: readonly Picture[]): Promise<void> {
  for (const { url } of pictures) URL.revokeObjectURL(url);
  await clear(database());
}

/** Which of them are too many. @param pictures newest first */
export function tooMany(pictures: readonly Picture[]): Picture[] {
  let bytes = 0;
  const isTooMany = ({ png }: Picture, place: number) => {
    bytes += png.size;
    return place >= MOST_PICTURES || bytes > MOST_BYTES;
  };
  return pictures.filter(isTooMany);
}

export function sizeOf(pictures: readonly Picture[]): number {
  return pictures.reduce((sum, { png }) => sum + png.size, 0);
}

/** Whether pictures are kept: yes, until the person says no. */
export function isKeeping(): boolean {
  try {
    return localStorage.getItem(PREFERENCE) !== 'no';
  } catch {
    // A page that may store nothing keeps nothing.
    return false;
  }
}

export function setKeeping(isOn: boolean): void {
  if (isOn) localStorage.removeItem(PREFERENCE);
  else localStorage.setItem(PREFERENCE, 'no');
}
