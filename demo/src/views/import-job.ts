import { html, nothing, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { Actions } from '../actions.ts';
import { describeForecast } from '../models/describe-forecast.ts';
import { freeRoom, mayStart, type Panel } from '../models/models-state.ts';
import { nextStep } from '../models/next-step.ts';
import type { State } from '../state.ts';
import { words } from '../words.ts';
import { errorText } from './error.ts';

/** A form that imports: its fields, what that takes, and how far it is. */
export function importFormView(
  panel: Panel,
  fields: TemplateResult,
  { models }: State,
  { models: actions }: Actions,
): TemplateResult {
  const job = models.jobs[panel];
  const { forecast, anyway, run, fraction, text, announcement, notes, error, isBegun } = job;
  const own = words[panel === 'recipe' ? 'recipe' : 'own'];
  const leftOut = panel === 'import' ? leftOutLine(models.own.leftOut) : [];
  const lines = forecast === undefined ? leftOut : describeForecast(forecast, freeRoom(models));
  const obstacles = forecast?.machine.obstacles ?? [];
  const submit = (event: Event) => {
    event.preventDefault();
    actions.start(panel);
  };
  const setAnyway = ({ target }: Event) => actions.setAnyway(panel, (target as HTMLInputElement).checked);
  return html`<form id="${panel}-form" autocomplete="off" novalidate @submit=${submit}>
    <fieldset id="${panel}-fields" ?disabled=${run !== undefined}>${fields}</fieldset>
    <div id="${panel}-forecast" class="forecast" role="status">${linesView(lines)}</div>
    <div id="${panel}-obstacles" class="obstacles" ?hidden=${obstacles.length === 0}>
      <p role="alert">${obstacles.length === 0 ? nothing : words.job.obstacles(obstacles)}</p>
      <label class="tick" for="${panel}-anyway">
        <input id="${panel}-anyway" type="checkbox" .checked=${live(anyway)} ?disabled=${run !== undefined} @change=${setAnyway} />
        <span>${own.anyway}</span>
      </label>
    </div>
    <div class="row">
      <button id="${panel}-check" type="button" data-then="${panel}-stop" ?disabled=${run !== undefined} @click=${() => actions.check(panel)}>${words.job.check}</button>
      <button id="${panel}-start" type="submit" class="primary" data-then="${panel}-stop" aria-describedby="${panel}-forecast" ?disabled=${!mayStart(job)}>${isBegun ? words.job.goOn : own.start}</button>
      <button id="${panel}-stop" type="button" data-then="${panel}-start ${panel}-check" ?disabled=${run === undefined} @click=${() => actions.stop(panel)}>${run?.isImport === false ? words.job.cancel : words.job.pause}</button>
    </div>
    ${barView(panel, run !== undefined, fraction)}
    <p id="${panel}-stage" class="quiet">${text}</p>
    <p id="${panel}-announcer" class="unseen" aria-live="polite">${announcement}</p>
    <div id="${panel}-notices" class="quiet notes" role="status" aria-label=${words.job.notes} ?hidden=${notes.length === 0}>${linesView(notes)}</div>
    <p id="${panel}-error" class="error" role="alert" ?hidden=${error === undefined}>${error === undefined ? nothing : errorText(error, nextStep(error))}</p>
  </form>`;
}

/** A bar without a value only shows that something is happening. */
function barView(panel: Panel, isRunning: boolean, fraction: number | undefined) {
  if (!isRunning) return nothing;
  return html`<progress id="${panel}-bar" max="1" value=${fraction ?? nothing} aria-labelledby="${panel}-stage"></progress>`;
}

const linesView = (lines: readonly string[]) => lines.map((line) => html`<p>${line}</p>`);

/** How many names are said of the files that are of no use. */
const SAID = 3;

function leftOutLine(paths: readonly string[]): string[] {
  return paths.length === 0 ? [] : [words.own.leftOut(paths.slice(0, SAID), Math.max(0, paths.length - SAID))];
}

/** Access token of the hub, with who gets it. */
export function tokenView(panel: Panel, label: string, token: string, hub: string, edit: (token: string) => void) {
  const host = URL.canParse(hub) ? new URL(hub).host : words.job.theHub;
  return html`<label for="${panel}-token">${label}</label>
    <input
      id="${panel}-token"
      class="secret"
      type="text"
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      aria-describedby="${panel}-token-note"
      .value=${live(token)}
      @input=${({ target }: Event) => edit((target as HTMLInputElement).value)}
    />
    <p id="${panel}-token-note" class="quiet">${words.job.tokenNote(host)}</p>`;
}

/** What the model is to be called. */
export function nameView(panel: Panel, id: string, edit: (id: string) => void) {
  return html`<div class="wide">
    <label for="${panel}-id">${words.job.name}</label>
    <input
      id="${panel}-id"
      type="text"
      required
      pattern="[A-Za-z0-9._\\-]{1,64}"
      spellcheck="false"
      autocapitalize="off"
      aria-describedby="${panel}-id-note"
      .value=${live(id)}
      @input=${({ target }: Event) => edit((target as HTMLInputElement).value)}
    />
    <p id="${panel}-id-note" class="quiet">${words.job.nameNote}</p>
  </div>`;
}
