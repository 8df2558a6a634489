import type { LoadedModel } from 'flux-srpo';
import { ACCELERATIONS, type Acceleration, LIMITS, randomSeed } from 'flux-srpo/wire';
import { html, nothing, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { Actions } from '../actions.ts';
import { chosenSize, promptOf } from '../request.ts';
import { MAX_WAITING } from '../runner.ts';
import { sizeChoices } from '../sizes.ts';
import { type FormValues, modelOf, type State } from '../state.ts';
import { words } from '../words.ts';
import { DICE, LOCKED, OPEN } from './icons.ts';

/** Steps of a side, in pixels: a token of the model is as wide. */
const SIDE_STEP = 16;
const EXAMPLES = 6;

/** The prompt, what most people choose, and behind "More" what most never touch. */
export function formView({ stage, form }: State, actions: Actions): TemplateResult {
  const model = modelOf(stage);
  const waiting = stage.at === 'running' ? stage.jobs.length - 1 : 0;
  const prompt = promptOf(form, model);
  const examples = (model?.examples ?? []).filter((example) => example !== prompt).slice(0, EXAMPLES);
  const isOpen = stage.at === 'ready' || stage.at === 'running';
  const submit = (event: Event) => {
    event.preventDefault();
    actions.draw();
  };
  return html`<form id="form" class="card" autocomplete="off" @submit=${submit}>
    <label for="prompt">${words.form.prompt}</label>
    <textarea
      id="prompt"
      rows="3"
      required
      aria-describedby="keys"
      .value=${live(prompt)}
      @input=${onPrompt(actions)}
    ></textarea>
    <fieldset id="examples" aria-label=${words.form.examples}>${examples.map((example) => exampleView(example, actions))}</fieldset>
    <div class="row act">
      <button id="generate" type="submit" class="primary" ?disabled=${!isOpen || waiting >= MAX_WAITING}>
        ${makeLabel(form, stage.at === 'running', waiting)}
      </button>
      <button id="cancel" type="button" data-then="generate" ?hidden=${stage.at !== 'running'} @click=${() => actions.cancel()}>
        ${words.form.cancel}
      </button>
    </div>
    <p id="keys" class="quiet">${words.form.keys.map((part, i) => (i % 2 === 0 ? part : html`<kbd>${part}</kbd>`))}</p>
    <div class="field">${sizeView(form, model, actions)}</div>
    ${model !== undefined && chosenSize(form, model) === 'custom' ? customView(form, actions) : nothing}
    <div class="row">
      <div class="wide">${seedView(form, actions)}</div>
      <div class="few">
        <label for="n">${words.form.n}</label>
        ${numberView('n', LIMITS.n, form.n, (n) => actions.edit({ n }))}
      </div>
    </div>
    ${moreView(form, model, actions)}
  </form>`;
}

function makeLabel({ n }: FormValues, isRunning: boolean, waiting: number): string {
  if (waiting >= MAX_WAITING) return words.form.full;
  if (isRunning) return words.form.queue;
  return Number(n) > 1 ? words.form.makeMany(Number(n)) : words.form.make;
}

function onPrompt(actions: Actions) {
  return ({ target }: Event) => {
    const field = target as HTMLTextAreaElement;
    // `required` accepts blanks.
    field.setCustomValidity(field.value !== '' && field.value.trim() === '' ? words.form.blank : '');
    actions.edit({ prompt: field.value });
  };
}

function exampleView(example: string, actions: Actions): TemplateResult {
  const use = () => {
    const prompt = document.querySelector<HTMLTextAreaElement>('#prompt');
    prompt?.setCustomValidity('');
    actions.edit({ prompt: example });
    prompt?.focus();
  };
  return html`<button type="button" @click=${use}>${example}</button>`;
}

function sizeView(form: FormValues, model: LoadedModel | undefined, actions: Actions): TemplateResult {
  const chosen = model === undefined ? undefined : chosenSize(form, model);
  const choose = ({ target }: Event) => {
    const size = (target as HTMLSelectElement).value as NonNullable<FormValues['size']>;
    const from = model === undefined ? undefined : model.sizes[model.defaults.size];
    const start =
      form.width === '' && from !== undefined ? { width: String(from.width), height: String(from.height) } : {};
    actions.edit({ size, ...start });
  };
  return html`<label for="size">${words.form.size}</label>
    <select id="size" ?disabled=${model === undefined} .value=${live(chosen ?? '')} @change=${choose}>
      ${model === undefined ? nothing : sizeChoices(model).map(({ name, label }) => html`<option value=${name} ?selected=${name === chosen}>${label}</option>`)}
      <option value="custom" ?selected=${chosen === 'custom'}>${words.form.custom}</option>
    </select>`;
}

function customView(form: FormValues, actions: Actions): TemplateResult {
  return html`<div class="row" id="custom">
      <div>
        <label for="width">${words.form.width}</label>
        ${numberView('width', LIMITS.side, form.width, (width) => actions.edit({ width }), SIDE_STEP)}
      </div>
      <div>
        <label for="height">${words.form.height}</label>
        ${numberView('height', LIMITS.side, form.height, (height) => actions.edit({ height }), SIDE_STEP)}
      </div>
    </div>
    <p class="quiet">${words.form.sides}</p>`;
}

/** Empty is a new seed each time; a seed that is there is kept. */
function seedView({ seed }: FormValues, actions: Actions): TemplateResult {
  const isLocked = seed !== '';
  const roll = () => actions.edit({ seed: String(randomSeed()) });
  const toggle = () => (isLocked ? actions.edit({ seed: '' }) : actions.lockSeed());
  return html`<label for="seed">${words.form.seed}</label>
    <div class="joined">
      <input
        id="seed"
        type="number"
        min=${LIMITS.seed[0]}
        max=${LIMITS.seed[1]}
        step="1"
        placeholder=${words.form.anySeed}
        .value=${live(seed)}
        @input=${({ target }: Event) => actions.edit({ seed: (target as HTMLInputElement).value })}
      />
      <button id="dice" type="button" aria-label=${words.form.dice} title=${words.form.dice} @click=${roll}>${DICE}</button>
      <button
        id="lock"
        type="button"
        aria-pressed=${isLocked}
        aria-label=${words.form.lock}
        title=${isLocked ? words.form.unlock : words.form.lock}
        @click=${toggle}
      >${isLocked ? LOCKED : OPEN}</button>
    </div>`;
}

function moreView(form: FormValues, model: LoadedModel | undefined, actions: Actions): TemplateResult {
  const { num_inference_steps: steps, guidance_scale: guidance } = model?.defaults ?? {};
  const choose = ({ target }: Event) =>
    actions.edit({ acceleration: (target as HTMLSelectElement).value as Acceleration });
  const tick = ({ target }: Event) => actions.edit({ safety: (target as HTMLInputElement).checked });
  return html`<details id="more">
    <summary>${words.form.more}</summary>
    <div class="row">
      <div>
        <label for="steps">${words.form.steps}</label>
        ${numberView('steps', LIMITS.num_inference_steps, form.steps ?? String(steps ?? ''), (value) => actions.edit({ steps: value }))}
      </div>
      ${
        model?.hasGuidance === false
          ? nothing
          : html`<div>
              <label for="guidance">${words.form.guidance}</label>
              ${numberView('guidance', LIMITS.guidance_scale, form.guidance ?? String(guidance ?? ''), (value) => actions.edit({ guidance: value }), 'any')}
            </div>`
      }
    </div>
    ${
      model?.hasStepCache
        ? html`<div class="field">
            <label for="acceleration">${words.form.acceleration}</label>
            <select id="acceleration" .value=${live(form.acceleration)} @change=${choose}>
              ${ACCELERATIONS.map((value) => html`<option value=${value}>${words.form.accelerations[value]}</option>`)}
            </select>
          </div>`
        : nothing
    }
    ${
      model?.hasSafetyChecker
        ? html`<label class="tick" for="safety">
            <input id="safety" type="checkbox" .checked=${live(form.safety)} @change=${tick} />
            <span>${words.form.safety}</span>
          </label>`
        : nothing
    }
  </details>`;
}

/** @param step of a number that is valid; 'any' allows decimals */
function numberView(
  id: string,
  [min, max]: readonly [number, number],
  value: string,
  onInput: (value: string) => void,
  step: number | 'any' = 1,
): TemplateResult {
  const listen = ({ target }: Event) => onInput((target as HTMLInputElement).value);
  return html`<input id=${id} type="number" inputmode="numeric" min=${min} max=${max} step=${step} required .value=${live(value)} @input=${listen} />`;
}
