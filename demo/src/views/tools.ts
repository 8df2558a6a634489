import { html, nothing, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { Actions } from '../actions.ts';
import { asCode, type Language, languagesOf } from '../pictures/as-code.ts';
import { fileName, type Picture } from '../pictures/picture.ts';
import { describeSize } from '../sizes.ts';
import type { State } from '../state.ts';
import { formatSeconds } from '../units.ts';
import { words } from '../words.ts';

/** What can be done with the picture that is shown alone, how it was made, and the code for it. */
export function toolsView(state: State, actions: Actions): TemplateResult | typeof nothing {
  const [picture, other] = state.shown;
  if (picture === undefined || other !== undefined) return nothing;
  const name = fileName(picture);
  const canShare = navigator.canShare?.({ files: [new File([picture.png], name, { type: 'image/png' })] }) ?? false;
  const tool = (label: string, act: () => void) =>
    html`<button type="button" class="small" @click=${act}>${label}</button>`;
  return html`<div class="tools" id="tools">
      <a id="download" class="button small" href=${picture.url} download=${name}>${words.tools.download}</a>
      ${tool(words.tools.copy, () => actions.copy(picture))}
      ${canShare ? tool(words.tools.share, () => actions.share(picture)) : nothing}
      ${tool(words.tools.reuse, () => actions.reuse(picture))}
      ${tool(words.tools.vary, () => actions.vary(picture))}
      ${state.gallery.pictures.length > 1 ? tool(words.tools.compare, () => actions.compare(picture)) : nothing}
      ${tool(words.tools.remove, () => actions.remove(picture))}
    </div>
    <details class="sub" id="how">
      <summary>${words.tools.how}</summary>
      ${factsView(picture)}
    </details>
    <details class="sub" id="code">
      <summary>${words.tools.code}</summary>
      ${codeView(picture, state, actions)}
    </details>`;
}

function factsView(picture: Picture): TemplateResult {
  const { request, modelName, seconds, device, host, created } = picture;
  const facts: [string, string][] = [
    [words.facts.prompt, request.prompt],
    [words.facts.model, modelName],
    [words.facts.size, describeSize(picture)],
    [words.facts.steps, String(request.num_inference_steps ?? '')],
    [words.facts.guidance, String(request.guidance_scale ?? '')],
    [words.facts.seed, String(request.seed ?? '')],
    [words.facts.time, formatSeconds(seconds)],
    [words.facts.place, host ?? words.facts.devices[device]],
    [words.facts.made, new Date(created).toLocaleString()],
  ];
  return html`<dl>${facts.filter(([, value]) => value !== '').map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>`;
}

function codeView(picture: Picture, state: State, actions: Actions): TemplateResult {
  const { request, width, height } = picture;
  const languages = languagesOf(picture);
  const language = languages.find((each) => each === state.language) ?? languages[0]!;
  const code = asCode(language, { ...request, size: `${width}x${height}` }, picture);
  const choose = ({ target }: Event) => actions.speak((target as HTMLSelectElement).value as Language);
  return html`<div class="joined code-head">
      <select aria-label=${words.tools.language} @change=${choose}>
        ${languages.map((each) => html`<option value=${each} .selected=${live(each === language)}>${words.languages[each]}</option>`)}
      </select>
      <button type="button" class="small" @click=${() => actions.copyText(code)}>${words.tools.copyCode}</button>
    </div>
    <pre tabindex="0"><code>${code}</code></pre>
    <div class="tools">
      <button type="button" class="small" @click=${() => actions.copyLink(false)}>${words.tools.link}</button>
      <button type="button" class="small" @click=${() => actions.copyLink(true)}>${words.tools.linkWithPrompt}</button>
    </div>`;
}
