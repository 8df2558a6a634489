import { formatBytes } from 'flux-srpo';
import { html, nothing, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Actions } from '../actions.ts';
import { sizeOf } from '../pictures/gallery-store.ts';
import type { Picture } from '../pictures/picture.ts';
import { messageOf } from '../runner.ts';
import type { State } from '../state.ts';
import { words } from '../words.ts';

/** Pictures of this and earlier visits. Arrow keys go from one to the next. */
export function galleryView({ gallery, shown }: State, actions: Actions): TemplateResult {
  const { pictures, isKept, error, comparing } = gallery;
  const about =
    pictures.length === 0
      ? words.gallery.none
      : words.gallery.about(pictures.length, formatBytes(sizeOf(pictures)), isKept);
  const tick = ({ target }: Event) => actions.keepNew((target as HTMLInputElement).checked);
  const open = ({ target }: Event) => {
    const [file] = (target as HTMLInputElement).files ?? [];
    if (file !== undefined) actions.restore(file);
    (target as HTMLInputElement).value = '';
  };
  return html`<h2 id="gallery-title">${words.gallery.title}</h2>
    <p class="quiet">${comparing === undefined ? about : words.gallery.chooseOther}</p>
    ${error === undefined ? nothing : html`<p class="error" role="alert">${messageOf(error)}</p>`}
    <ul id="thumbs" @keydown=${onArrows}>
      ${repeat(
        pictures,
        ({ id }) => id,
        (picture) => thumbView(picture, shown, actions),
      )}
    </ul>
    <div class="tools">
      <span class="holder"><input id="open-png" class="unseen" type="file" accept="image/png" @change=${open} /><label class="button small" for="open-png">${words.restored.open}</label></span>
      ${pictures.length === 0 ? nothing : html`<button type="button" class="small" @click=${actions.removeAll}>${words.gallery.removeAllLabel}</button>`}
    </div>
    <label class="tick" for="keep-pictures">
      <input id="keep-pictures" type="checkbox" .checked=${live(isKept)} @change=${tick} />
      <span>${words.gallery.keep}</span>
    </label>`;
}

function thumbView(picture: Picture, shown: readonly Picture[], actions: Actions): TemplateResult {
  const { url, request, index } = picture;
  const name = words.gallery.thumb(request.prompt, request.seed ?? undefined, index);
  return html`<li>
    <button type="button" class="thumb" aria-pressed=${shown.includes(picture)} aria-label=${name} title=${name} @click=${() => actions.choose(picture)}>
      <img src=${url} alt="" width=${picture.width} height=${picture.height} loading="lazy" decoding="async" />
    </button>
  </li>`;
}

function onArrows(event: KeyboardEvent): void {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  const step = steps[event.key];
  if (step === undefined) return;
  const thumbs = [...(event.currentTarget as Element).querySelectorAll<HTMLButtonElement>('.thumb')];
  const next = thumbs[thumbs.indexOf(document.activeElement as HTMLButtonElement) + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
  next.click();
}
