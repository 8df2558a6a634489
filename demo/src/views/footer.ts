import { html, type TemplateResult } from 'lit-html';
import { modelOf, type State } from '../state.ts';
import { words } from '../words.ts';

/** What computes, and whose weights these are. */
export function footerView({ stage }: State): TemplateResult {
  const model = modelOf(stage);
  if (model === undefined) return html`<p id="backend"></p><p id="licence"></p>`;
  const { backend, fallback, notKept, licence } = model;
  const again = notKept === undefined ? '' : words.foot.notKept(notKept.message);
  const by = backend === 'wasm' ? words.foot.wasm(fallback?.message ?? '') : words.foot[backend];
  return html`<p id="backend">${by + again}</p>
    <p id="licence">${words.foot.weights(licence.id, licence.notice ?? '')}</p>`;
}
