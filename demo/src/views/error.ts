import { isFluxError } from 'flux-srpo';
import { html, nothing, type TemplateResult } from 'lit-html';
import type { Actions } from '../actions.ts';
import { BACKEND, EMBEDDED, onCpu } from '../address.ts';
import { messageOf } from '../runner.ts';
import type { Stage } from '../state.ts';
import { words } from '../words.ts';

/** A message with its code. The place is always there, so that a screen reader hears what comes. */
export function errorView(error: unknown): TemplateResult {
  return problemView('error', error);
}

export function problemView(id: string, error: unknown): TemplateResult {
  return html`<p id=${id} class="error" role="alert" ?hidden=${error === undefined}>${error === undefined ? nothing : messageOf(error)}</p>`;
}

/**
 * The message with its code, the licence that it asks for, and what to do.
 *
 * @param next where the message does not say it
 */
export function errorText(error: unknown, next = ''): TemplateResult {
  const licence = isFluxError(error) ? error.details.licence : undefined;
  const link =
    typeof licence === 'string' && /^https?:/.test(licence)
      ? html`<a href=${licence} target="_blank" rel="noreferrer">${words.errors.licence}</a>. `
      : nothing;
  const steps = link === nothing && next === '' ? nothing : html`<span class="next">${link}${next}</span>`;
  return html`${messageOf(error)}${steps}`;
}

/** Why there is no model, and each way on. */
export function openingErrorView(
  { address, error }: Extract<Stage, { at: 'failed' }>,
  actions: Actions,
): TemplateResult {
  const isOwn = address === EMBEDDED;
  const lacksGpu = isFluxError(error, 'device/') && BACKEND === 'auto';
  return html`${errorView(error)}
    <div class="tools">
      <button type="button" @click=${() => actions.open(address)}>${words.errors.again}</button>
      ${isOwn ? nothing : html`<button type="button" @click=${() => actions.open(EMBEDDED)}>${words.errors.embedded}</button>`}
      ${lacksGpu ? html`<a class="button" href=${onCpu()}>${words.errors.cpu}</a>` : nothing}
      <button type="button" @click=${actions.toModels}>${words.errors.models}</button>
      <button type="button" @click=${actions.copyReport}>${words.errors.report}</button>
    </div>`;
}
