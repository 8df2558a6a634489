import type { Preview } from 'flux-srpo';
import { html, nothing, type TemplateResult } from 'lit-html';
import { keyed } from 'lit-html/directives/keyed.js';
import { ref } from 'lit-html/directives/ref.js';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Actions } from '../actions.ts';
import { fileName, type Picture } from '../pictures/picture.ts';
import { pixelsOf } from '../request.ts';
import { bytesPerSecond, type RunProgress, secondsLeft, secondsPerStep } from '../run-progress.ts';
import { type Job, modelOf, type State } from '../state.ts';
import { words } from '../words.ts';
import { errorView } from './error.ts';
import { toolsView } from './tools.ts';

/** The picture, what happens to it, and what waits. */
export function frameView(state: State, actions: Actions): TemplateResult {
  const { stage, outcome, announcement, shown } = state;
  const progress = progressOf(state);
  const isSeveral = shown.length > 1 && stage.at !== 'running';
  return html`<section class="card" aria-label=${words.frame.title}>
    <div id="frame" class=${isSeveral ? 'several' : ''} .style=${isSeveral ? '' : `aspect-ratio: ${ratioOf(state)}`}>${contentView(state, actions)}</div>
    <progress
      id="bar"
      class=${progress === undefined ? 'still' : ''}
      max="1"
      .value=${progress?.fraction ?? 1}
      aria-labelledby="stage"
      ?hidden=${progress === undefined}
    ></progress>
    <p id="stage" class="quiet">${progress === undefined ? outcome.text : progressText(progress)}</p>
    <p id="announcer" class="unseen" aria-live="polite">${announcement}</p>
    ${stage.at === 'opening' ? html`<button id="cancel-opening" type="button" class="small" @click=${() => actions.cancel()}>${words.form.cancel}</button>` : nothing}
    <div id="warnings" class="quiet notes" role="status" aria-label=${words.run.notes} ?hidden=${outcome.notes.length === 0}>
      ${outcome.notes.map((note) => html`<p>${note}</p>`)}
    </div>
    ${stage.at === 'failed' ? nothing : errorView(outcome.error)}
    <div id="after" class=${stage.at === 'running' || shown.length > 0 ? 'held' : ''}>${stage.at === 'running' ? queueView(stage.jobs, actions) : toolsView(state, actions)}</div>
  </section>`;
}

function progressOf({ stage }: State): RunProgress | undefined {
  if (stage.at === 'opening') return stage.progress;
  return stage.at === 'running' ? stage.jobs[0].progress : undefined;
}

/** Phase, seconds per step, time left; of an opening, bytes and rate. */
function progressText(progress: RunProgress): string {
  const { text, bytes, startedAt, now, pace } = progress;
  const perStep = secondsPerStep(progress);
  const left = secondsLeft(progress);
  const rate = bytesPerSecond(progress);
  const isLoading = bytes !== undefined && pace?.isLoading === true;
  return [
    text,
    ...(isLoading ? [words.run.bytes(bytes.done, bytes.total)] : []),
    ...(isLoading && rate !== undefined ? [words.run.rate(rate)] : []),
    ...(perStep === undefined ? [] : [words.run.perStep(perStep)]),
    ...(left === undefined ? [] : [words.run.left(left)]),
    words.run.elapsed((now - startedAt) / 1000),
  ].join(' · ');
}

/** So that the frame does not jump when the picture comes. */
function ratioOf({ stage, form, shown }: State): string {
  const job = stage.at === 'running' ? stage.jobs[0] : undefined;
  const model = modelOf(stage);
  const { width, height } = job?.size ?? shown[0] ?? (model === undefined ? NO_SIZE : pixelsOf(form, model));
  return width > 0 && height > 0 ? `${width} / ${height}` : '1 / 1';
}

const NO_SIZE = { width: 4, height: 3 };

function contentView({ stage, shown }: State, actions: Actions): TemplateResult {
  const [job] = stage.at === 'running' ? stage.jobs : [];
  if (job !== undefined && (job.previews.length > 0 || shown.length === 0)) return previewsView(job);
  if (shown.length > 0) {
    return html`<div class="pictures" .style=${columns(shown.length)}>${repeat(
      shown,
      ({ id }) => id,
      (picture, place) => pictureView(picture, shown.length === 1, place === 0, actions),
    )}</div>`;
  }
  return html`<p id="empty" class="quiet">${words.frame.empty}</p>`;
}

function previewsView({ previews, request }: Job): TemplateResult {
  if (request.enable_safety_checker) return html`<p id="empty" class="quiet">${words.frame.unseen}</p>`;
  if (previews.length === 0) return html`<p id="empty" class="quiet">${words.run.starting}</p>`;
  return html`<div class="pictures" .style=${columns(request.n ?? 1)}>
    ${previews.map((preview) => keyed(preview.image, html`<canvas id=${preview.image === 0 ? 'preview' : nothing} aria-hidden="true" ${ref(paint(preview))}></canvas>`))}
  </div>`;
}

/** A new function for each preview, so that lit-html calls it. */
function paint({ width, height, rgba }: Preview) {
  return (canvas: Element | undefined) => {
    if (!(canvas instanceof HTMLCanvasElement)) return;
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
  };
}

function pictureView(picture: Picture, isAlone: boolean, isFirst: boolean, actions: Actions): TemplateResult {
  const { url, request, width, height, seconds, index, host } = picture;
  const image = html`<img id=${isFirst ? 'picture' : nothing} src=${url} alt=${request.prompt} width=${width} height=${height} />`;
  const badge = html`<span class="badge">${host === undefined ? words.server.badge.here : words.server.badge.there(host)}</span>`;
  if (isAlone) return html`<figure>${image}${badge}</figure>`;
  return html`<figure>
    ${image}${badge}
    <figcaption class="quiet">
      <span>${words.frame.caption(request.seed ?? undefined, index, request.n ?? 1, seconds)}</span>
      <a class="button small" href=${url} download=${fileName(picture)}>${words.tools.download}</a>
      <button type="button" class="small" @click=${() => actions.choose(picture)}>${words.frame.alone}</button>
    </figcaption>
  </figure>`;
}

/** Set as a property: a policy without inline styles refuses the attribute. */
function columns(count: number): string {
  return `--columns: ${Math.ceil(Math.sqrt(count))}`;
}

function queueView([, ...waiting]: readonly Job[], actions: Actions): TemplateResult {
  const ask = 'Notification' in globalThis && Notification.permission === 'default';
  const list = html`<h2 class="minor">${words.queue.title}</h2>
    <ol id="queue">
      ${repeat(
        waiting,
        ({ id }) => id,
        ({ id, request }) => html`<li>
          <span>${request.prompt}</span>
          <button type="button" class="small" aria-label=${words.queue.drop(request.prompt)} @click=${() => actions.cancel(id)}>${words.queue.dropLabel}</button>
        </li>`,
      )}
    </ol>`;
  return html`${waiting.length > 0 ? list : nothing}
  ${ask ? html`<button type="button" class="small" @click=${actions.askToTell}>${words.run.tell}</button>` : nothing}`;
}
