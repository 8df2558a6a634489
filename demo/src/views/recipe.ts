import type { RecipeEntry } from 'flux-srpo';
import { html, nothing, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { Actions } from '../actions.ts';
import { BACKEND } from '../address.ts';
import { freeRoom } from '../models/models-state.ts';
import type { State } from '../state.ts';
import { words } from '../words.ts';
import { importFormView, nameView, tokenView } from './import-job.ts';

/** Models that are got by name: what they are, what they take, whose licence they have. */
export function recipeView(state: State, actions: Actions): TemplateResult {
  const { recipes, recipe: form } = state.models;
  const { editRecipe } = actions.models;
  const chosen = recipes.find(({ id }) => id === form.recipe);
  const accept = ({ target }: Event) => editRecipe({ accepted: (target as HTMLInputElement).checked });
  const fields = html`<fieldset id="recipe-choice">
      <legend>${words.recipe.choice}</legend>
      <div id="recipe-list">${recipes.map((recipe) => choiceView(recipe, recipe === chosen, actions))}</div>
    </fieldset>
    <dl id="recipe-about" aria-live="polite">${chosen === undefined ? nothing : aboutView(chosen, state)}</dl>
    <label class="tick" for="recipe-accept">
      <input id="recipe-accept" type="checkbox" required .checked=${live(form.accepted)} @change=${accept} />
      <span>${words.recipe.accept}</span>
    </label>
    <details id="recipe-more">
      <summary>${words.recipe.more}</summary>
      ${tokenView('recipe', words.recipe.token, form.token, form.hub, (token) => editRecipe({ token }))}
      <div class="row">
        <div class="wide">
          <label for="recipe-hub">${words.recipe.hub}</label>
          <input
            id="recipe-hub"
            type="url"
            inputmode="url"
            autocapitalize="off"
            spellcheck="false"
            required
            .value=${live(form.hub)}
            @input=${({ target }: Event) => editRecipe({ hub: (target as HTMLInputElement).value })}
          />
        </div>
        ${nameView('recipe', form.id, (id) => editRecipe({ id }))}
      </div>
    </details>`;
  return html`<summary>${words.recipe.title}</summary>
    <p class="quiet">${words.recipe.about}</p>
    ${importFormView('recipe', fields, state, actions)}`;
}

/** Its texts are for the command line too, which marks names with backticks. */
function choiceView({ id, name, what, bytes, needs }: RecipeEntry, isChosen: boolean, actions: Actions) {
  return html`<label class="recipe" for="recipe-of-${id}">
    <input
      id="recipe-of-${id}"
      type="radio"
      name="recipe"
      value=${id}
      .checked=${live(isChosen)}
      @change=${() => actions.models.editRecipe({ recipe: id })}
    />
    <span>
      <strong>${name}</strong> <code>${id}</code>
      <span class="quiet">${what.replaceAll('`', '')}</span>
      <span class="quiet">${words.recipe.figures(bytes.read, bytes.written, needs.least, needs.memory)}</span>
    </span>
  </label>`;
}

const NETWORKS = ['transformer', 't5', 'clip', 'vae'] as const;

/** What to know of a recipe before anything is read. */
function aboutView({ sources, loras = [], licence, notes = [], checked, bytes }: RecipeEntry, state: State) {
  const files = NETWORKS.map((network) => `${words.own.roles[network]}: ${sources[network][0]}`);
  const merged = loras.map(({ source, strength }) => words.recipe.lora(strength, source));
  const from = [...files, ...merged].map((line) => line.replace('hf:', ''));
  const unchecked = checked ? [] : [words.recipe.unchecked];
  return [
    entryView(words.recipe.from, from),
    entryView(words.recipe.room, [words.recipe.stored(bytes.written, freeRoom(state.models))]),
    entryView(words.recipe.machine, [machineOf(state)]),
    entryView(words.recipe.notes, [...notes, ...unchecked]),
    entryView(words.recipe.licence, [
      html`<a href=${licence.url} target="_blank" rel="noreferrer">${licence.id}</a>`,
      licence.notice,
    ]),
  ];
}

/** Whether this machine can draw with it, as far as is known before any file of it is read. */
function machineOf({ probe }: State): string {
  if (probe === undefined) return words.recipe.unknown;
  if (BACKEND === 'wasm') return words.recipe.runs.wasm;
  return words.recipe.runs[probe.adapter === undefined ? 'none' : 'webgpu'];
}

function entryView(term: string, values: readonly (string | TemplateResult)[]) {
  if (values.length === 0) return nothing;
  return html`<dt>${term}</dt><dd>${values.map((value) => html`<div>${value}</div>`)}</dd>`;
}
