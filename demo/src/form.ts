import type { ImageRequestNonStreaming, LoadedModel, SizePreset } from 'flux-srpo';
import { LIMITS, randomSeed } from 'flux-srpo/wire';
import { button, element } from './elements.ts';

const form = element('form', HTMLFormElement);
const prompt = element('prompt', HTMLTextAreaElement);
const size = element('size', HTMLSelectElement);
const steps = element('steps', HTMLInputElement);
const seed = element('seed', HTMLInputElement);
const generate = element('generate', HTMLButtonElement);
const cancel = element('cancel', HTMLButtonElement);

export interface FormHandlers {
  onGenerate: () => void;
  onCancel: () => void;
}

[steps.min, steps.max] = LIMITS.num_inference_steps.map(String) as [string, string];
[seed.min, seed.max] = LIMITS.seed.map(String) as [string, string];

export function listen({ onGenerate, onCancel }: FormHandlers): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!generate.disabled) onGenerate();
  });
  cancel.addEventListener('click', onCancel);
  // `required` accepts blanks.
  prompt.addEventListener('input', checkPrompt);
  element('dice', HTMLButtonElement).addEventListener('click', rollSeed);
  addEventListener('keydown', (event) => {
    // Among the models these keys mean something else.
    if (event.target instanceof Element && event.target.closest('#models') !== null) return;
    // requestSubmit checks the fields first, as the button does.
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    if (event.key === 'Escape' && !cancel.disabled) onCancel();
  });
}

/** Fills the form with the model's values. A prompt that the user has typed stays. */
export function offer(model: LoadedModel): void {
  size.replaceChildren();
  for (const [name, shape] of Object.entries(model.sizes)) {
    const label = describeSize(shape);
    // Small models have one size under several names.
    const known = [...size.options].find((option) => option.text === label);
    if (known === undefined) size.add(new Option(label, name));
    else if (name === model.defaults.size) known.value = name;
  }
  size.value = model.defaults.size;
  steps.value = String(model.defaults.num_inference_steps);
  rollSeed();
  prompt.value ||= model.examples[0] ?? '';
  element('examples', HTMLFieldSetElement).replaceChildren(
    ...model.examples.slice(0, 6).map((example) =>
      button(example, () => {
        prompt.value = example;
        checkPrompt();
        prompt.focus();
      }),
    ),
  );
  setRunning(false);
}

/** Disables the form while there is no model. */
export function closeForm(): void {
  generate.disabled = true;
  cancel.disabled = true;
}

export function readRequest(model: LoadedModel): ImageRequestNonStreaming {
  return {
    model: model.model,
    prompt: prompt.value,
    size: size.value as SizePreset,
    num_inference_steps: steps.valueAsNumber,
    seed: seed.valueAsNumber,
  };
}

/** Focus never stays on a button that has just been disabled. */
export function setRunning(isRunning: boolean): void {
  const from = isRunning ? generate : cancel;
  const to = isRunning ? cancel : generate;
  to.disabled = false;
  if (document.activeElement === from) to.focus();
  from.disabled = true;
}

/** A preset's name may promise a ratio that its pixels have not. */
function describeSize({ width, height }: { width: number; height: number }): string {
  if (width === height) return `Square · ${width} × ${height}`;
  return `${width > height ? 'Landscape' : 'Portrait'} · ${width} × ${height}`;
}

function checkPrompt(): void {
  prompt.setCustomValidity(prompt.value !== '' && prompt.value.trim() === '' ? 'Say what the picture shows.' : '');
}

function rollSeed(): void {
  seed.valueAsNumber = randomSeed();
}
