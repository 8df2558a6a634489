import { html, nothing, type TemplateResult } from 'lit-html';
import type { Actions } from '../actions.ts';
import { modelOf, type State } from '../state.ts';
import { words } from '../words.ts';
import { openingErrorView } from './error.ts';

/** What draws, what leaves the tab, and what this machine can do. */
export function headerView(state: State, actions: Actions): TemplateResult {
  return html`<p id="about">${aboutOf(state)}</p>
    <p id="model" ?hidden=${state.stage.at === 'failed'}>${modelView(state, actions)}</p>
    <p id="verdict" class="quiet">${verdictOf(state)}</p>
    ${state.stage.at === 'failed' ? openingErrorView(state.stage, actions) : nothing}`;
}

function aboutOf({ stage, host }: State): string {
  if (stage.at === 'failed') return words.first.failed;
  return host === undefined ? words.first.private : words.first.server(host);
}

/** What draws; where that is not the model that the page is named after, the way to it. */
function modelView({ stage, host }: State, actions: Actions) {
  const name = modelOf(stage)?.name;
  if (name === undefined) return words.opening;
  const show = (event: Event) => {
    // The address keeps its settings.
    event.preventDefault();
    actions.models.showRecipes();
  };
  const offer = html`<a href="#recipe-panel" @click=${show}>${words.first.get}</a>`;
  return html`${words.first.model(name)} ${host !== undefined || name.includes('SRPO') ? nothing : offer}`;
}

function verdictOf({ probe, gallery, stage }: State): string {
  if (probe === undefined) return words.verdict.asking;
  const { verdict, adapter, memory } = probe;
  if (verdict === 'unsupported') {
    // What is wrong with the model, the error says.
    const why = probe.reasons.find(({ code }) => code.startsWith('device/'));
    return why === undefined ? '' : `${words.verdict.unsupported}: ${why.message}.`;
  }
  const gpu = [adapter?.vendor, adapter?.architecture].filter(Boolean).join(' ');
  const halves = adapter?.features.includes('shader-f16') ? 1 : 0;
  const numbers = verdict === 'ready' ? [words.verdict.halves[halves]] : [];
  const room = memory === undefined ? [] : [words.verdict.memory(memory.peak, memory.size)];
  const model = modelOf(stage)?.model;
  const last = gallery.pictures.find(({ device, request }) => device !== 'remote' && request.model === model);
  const measured = last === undefined ? [] : [words.verdict.seconds(last.seconds / (last.request.n ?? 1))];
  const line = [verdict === 'ready' ? words.verdict.ready(gpu) : words.verdict.slow, ...numbers, ...room, ...measured];
  return `${line.join(' · ')}.`;
}
