import { ask } from '../ask.ts';
import { formOf } from '../request.ts';
import type { State } from '../state.ts';
import type { Store } from '../store.ts';
import { words } from '../words.ts';
import { forget, forgetAll, isKeeping, keep, keptPictures, setKeeping, tooMany } from './gallery-store.ts';
import type { Picture } from './picture.ts';
import { restore } from './restore.ts';

/** The pictures of this browser and what can be done with one. */
export function createGallery(store: Store) {
  const set = (change: Partial<State['gallery']>) => store.set({ gallery: { ...store.state.gallery, ...change } });
  const say = (text: string) => store.set({ outcome: { text, notes: [] }, announcement: text });
  /** A browser that stores nothing more still shows what it has. */
  const attempt = async (work: Promise<unknown>) => {
    try {
      await work;
    } catch (error) {
      set({ error });
    }
  };

  async function remove(gone: readonly Picture[]): Promise<void> {
    const isGone = ({ id }: Picture) => gone.some((each) => each.id === id);
    set({ pictures: store.state.gallery.pictures.filter((each) => !isGone(each)) });
    store.set({ shown: store.state.shown.filter((each) => !isGone(each)) });
    if (isKeeping()) await attempt(forget(gone));
  }

  return {
    /** Shows what earlier visits kept. */
    async load(): Promise<void> {
      set({ isKept: isKeeping() });
      if (isKeeping())
        await attempt(keptPictures().then((kept) => set({ pictures: [...store.state.gallery.pictures, ...kept] })));
    },
    /** @param made in the order of their batch */
    async add(made: readonly Picture[]): Promise<void> {
      set({ pictures: [...made.toReversed(), ...store.state.gallery.pictures] });
      if (isKeeping()) for (const picture of made) await attempt(keep(picture));
      const old = tooMany(store.state.gallery.pictures);
      if (old.length > 0) await remove(old);
    },
    remove: (picture: Picture) => void remove([picture]),
    async removeAll(): Promise<void> {
      const { pictures } = store.state.gallery;
      if (!(await ask(words.gallery.askAll(pictures.length), words.gallery.keepThem, words.gallery.removeAll))) return;
      set({ pictures: [] });
      store.set({ shown: [] });
      await attempt(forgetAll(pictures));
      say(words.gallery.removedAll);
    },
    keepNew(isKept: boolean): void {
      setKeeping(isKept);
      set({ isKept });
    },
    /** Shows one; where another waits for comparison, both. */
    choose(picture: Picture): void {
      const { comparing } = store.state.gallery;
      const shown = comparing === undefined || comparing === picture ? [picture] : [comparing, picture];
      store.set({ shown, outcome: { text: '', notes: [] }, gallery: { ...store.state.gallery, comparing: undefined } });
    },
    compare(picture: Picture): void {
      set({ comparing: picture });
      say(words.gallery.chooseOther);
      document.querySelector<HTMLElement>('#gallery button.thumb')?.focus();
    },
    /** Fills the form so that it draws this picture again. */
    reuse(picture: Picture): void {
      store.set({ form: formOf(picture.request) });
      say(words.gallery.reused);
      document.querySelector<HTMLElement>('#prompt')?.focus();
    },
    async copy({ png }: Picture): Promise<void> {
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
      say(words.gallery.copied);
    },
    async share(picture: Picture, name: string): Promise<void> {
      const files = [new File([picture.png], name, { type: 'image/png' })];
      // Whoever closes the sheet has not failed.
      await navigator.share({ files, text: picture.request.prompt }).catch(() => undefined);
    },
    /** Reads the settings of a PNG into the form, and says what does not apply. */
    async restore(file: File): Promise<void> {
      const found = await restore(file).catch(() => undefined);
      if (found === undefined) {
        store.set({
          outcome: { text: words.restored.nothing(file.name), notes: [] },
          announcement: words.restored.nothing(file.name),
        });
        return;
      }
      const text = words.restored.done(file.name);
      store.set({
        form: { ...store.state.form, ...found.form },
        outcome: { text, notes: found.unused },
        announcement: text,
      });
    },
  };
}
