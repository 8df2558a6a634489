import { formatBytes, type MemoryPlan, type Timings } from 'flux-srpo';
import { html, nothing, svg, type TemplateResult } from 'lit-html';
import type { Actions } from '../actions.ts';
import type { State } from '../state.ts';
import { formatSeconds } from '../units.ts';
import { words } from '../words.ts';

/** Where the seconds went, what memory is planned for, and what the browser offers. */
export function diagnosticsView({ shown, gallery, probe }: State, actions: Actions): TemplateResult {
  const timings = (shown[0] ?? gallery.pictures[0])?.timings;
  return html`<summary>${words.diagnostics.title}</summary>
    ${timings === undefined ? html`<p class="quiet">${words.diagnostics.none}</p>` : timingsView(timings)}
    ${probe?.memory === undefined ? nothing : memoryView(probe.memory)}
    ${probe === undefined ? nothing : html`<pre tabindex="0">${probe.summary}</pre>`}
    <div class="tools">
      <button type="button" class="small" @click=${actions.copyReport}>${words.diagnostics.copy}</button>
    </div>
    <p class="quiet">${words.diagnostics.note}</p>`;
}

const PHASES = ['encode', 'prepare', 'denoise', 'decode', 'total'] as const;

function timingsView(timings: Timings): TemplateResult {
  const longest = Math.max(...timings.steps);
  const width = 100 / timings.steps.length;
  const bars = timings.steps.map((ms, i) => {
    const height = (ms / longest) * 30;
    return svg`<rect x=${i * width} y=${30 - height} width=${width * 0.8} height=${height} />`;
  });
  const label = words.diagnostics.steps(timings.steps.length, formatSeconds(longest / 1000));
  return html`<table>
      <caption>${words.diagnostics.phases}</caption>
      <tbody>
        ${PHASES.map((phase) => html`<tr><th scope="row">${words.diagnostics.phase[phase]}</th><td>${formatSeconds(timings[phase] / 1000)}</td></tr>`)}
      </tbody>
    </table>
    <svg class="chart" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label=${label}>${bars}</svg>
    <p class="quiet">${label}</p>`;
}

function memoryView({ phases, peak }: MemoryPlan): TemplateResult {
  const rows = Object.entries(phases);
  return html`<table>
    <caption>${words.diagnostics.memory(formatBytes(peak))}</caption>
    <thead>
      <tr>${words.diagnostics.columns.map((column) => html`<th scope="col">${column}</th>`)}</tr>
    </thead>
    <tbody>
      ${rows.map(([phase, { bytes, weights, work }]) => html`<tr><th scope="row">${phase}</th>${[bytes, weights, work].map((value) => html`<td>${formatBytes(value)}</td>`)}</tr>`)}
    </tbody>
  </table>`;
}
