import { html, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { Actions } from '../actions.ts';
import { SERVICES, type ServerSettings } from '../server.ts';
import type { State } from '../state.ts';
import { words } from '../words.ts';
import { problemView } from './error.ts';

/** A server instead of this machine: off until the person turns it on. */
export function serverView({ server, host, serverError }: State, actions: Actions): TemplateResult {
  const edit =
    (field: keyof ServerSettings) =>
    ({ target }: Event) =>
      actions.editServer({ [field]: (target as HTMLInputElement).value });
  const submit = (event: Event) => {
    event.preventDefault();
    actions.useServer();
  };
  const text = (field: 'baseURL' | 'model' | 'key', label: string, type = 'text') => html`<div class="wide">
    <label for=${`server-${field}`}>${label}</label>
    <input
      id=${`server-${field}`}
      class=${field === 'key' ? 'secret' : ''}
      type=${type}
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      ?required=${field === 'baseURL'}
      .value=${live(server[field])}
      @input=${edit(field)}
    />
  </div>`;
  return html`<summary>${words.server.title}</summary>
    <p class="quiet">${words.server.about}</p>
    <form id="server-form" autocomplete="off" @submit=${submit}>
      <div class="row">
        ${text('baseURL', words.server.address, 'url')}
        <div class="wide">
          <label for="server-service">${words.server.service}</label>
          <select id="server-service" .value=${live(server.service)} @change=${edit('service')}>
            ${SERVICES.map((each) => html`<option value=${each}>${each}</option>`)}
          </select>
        </div>
      </div>
      <div class="row">${text('key', words.server.key)} ${text('model', words.server.model)}</div>
      <p class="quiet">${words.server.keyNote}</p>
      <div class="tools">
        <button type="submit" ?disabled=${host !== undefined}>${words.server.use}</button>
        ${host === undefined ? '' : html`<button type="button" @click=${actions.useHere}>${words.server.stop}</button>`}
      </div>
      ${problemView('server-error', serverError)}
    </form>`;
}
