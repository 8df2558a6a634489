import { type BackendInfo, formatBytes, type MemoryPlan, type Timings } from 'flux-srpo';
import { html, nothing, svg, type TemplateResult } from 'lit-html';
import type { Actions } from '../actions.ts';
import { lastPicture } from '../report.ts';
import { modelOf, type State } from '../state.ts';
import { formatSeconds } from '../units.ts';
import { words } from '../words.ts';

const say = words.diagnostics;

/** Where the seconds went, what memory was planned and taken, and what computes. */
export function diagnosticsView(state: State, actions: Actions): TemplateResult {
  const { timings, memory } = lastPicture(state) ?? {};
  const { probe } = state;
  const compute = modelOf(state.stage)?.compute;
  return html`<summary id="diagnostics-title">${say.title}</summary>
    ${timings === undefined ? html`<p class="quiet">${say.none}</p>` : timingsView(timings)}
    ${probe?.memory === undefined ? nothing : memoryView(probe.memory)}
    ${memory === undefined ? nothing : html`<p id="counted" class="quiet">${say.counted(memory.counted, memory.planned)}</p>`}
    ${compute === undefined ? nothing : computeView(compute)}
    ${
      probe === undefined
        ? nothing
        : html`<details class="sub"><summary>${say.adapter}</summary><pre tabindex="0">${[probe.summary, ...adapterLines(compute)].join('\n')}</pre></details>`
    }
    <div class="tools">
      <button type="button" class="small" @click=${actions.copyReport}>${say.copy}</button>
    </div>
    <p class="quiet">${say.note}</p>`;
}

const PHASES = ['encode', 'prepare', 'denoise', 'decode', 'total'] as const;

function timingsView(timings: Timings): TemplateResult {
  const longest = Math.max(...timings.steps);
  // A few steps are a few bars, not walls.
  const width = Math.min(100 / timings.steps.length, 10);
  const bars = timings.steps.map((ms, i) => {
    const height = (ms / longest) * 30;
    return svg`<rect x=${i * width} y=${30 - height} width=${width * 0.8} height=${height} />`;
  });
  const label = say.steps(timings.steps.length, formatSeconds(longest / 1000));
  return html`<table>
      <caption>${say.phases}</caption>
      <tbody>
        ${PHASES.map((phase) => html`<tr><th scope="row">${say.phase[phase]}</th><td>${formatSeconds(timings[phase] / 1000)}</td></tr>`)}
      </tbody>
    </table>
    <svg class="chart" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label=${label}>${bars}</svg>
    <p class="quiet">${label}</p>`;
}

type PlanPhase = keyof MemoryPlan['phases'];

function memoryView({ phases, peak }: MemoryPlan): TemplateResult {
  const rows = Object.entries(phases);
  return html`<table>
    <caption>${say.memory(formatBytes(peak))}</caption>
    <thead>
      <tr>${say.columns.map((column) => html`<th scope="col">${column}</th>`)}</tr>
    </thead>
    <tbody>
      ${rows.map(([phase, { bytes, weights, work }]) => html`<tr><th scope="row">${say.planPhase[phase as PlanPhase]}</th>${[bytes, weights, work].map((value) => html`<td>${formatBytes(value)}</td>`)}</tr>`)}
    </tbody>
  </table>`;
}

function computeView(compute: BackendInfo): TemplateResult {
  const { adapter, runtimeVersion, build } = compute;
  const gpu = [adapter?.vendor, adapter?.architecture].filter(Boolean).join(' ');
  const facts: [string, string][] = [
    [say.by, adapter === undefined ? say.cpu : say.gpu(gpu)],
    [say.runtime, say.onnx(runtimeVersion, build === undefined ? '' : ` (${build})`)],
    [say.numbers, numbersOf(compute)],
    [say.selfTest, verdictOf(compute)],
  ];
  return html`<h3 class="minor">${say.compute}</h3>
    <dl id="compute">${facts.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>`;
}

/** Halves or 32 bits, and why. */
function numbersOf({ precision, adapter, selfTest }: BackendInfo): string {
  if (precision === 'f16' || adapter === undefined) return say.precision[precision];
  if (!adapter.features.includes('shader-f16')) return say.precision.noHalves;
  return selfTest?.precision === 'f32' ? say.precision.wrongHalves : say.precision.f32;
}

/** Which kernels gave right answers. */
function verdictOf({ selfTest }: BackendInfo): string {
  if (selfTest === undefined) return say.untested;
  const { rung, errors, steppedDown, shaderFix, remembered } = selfTest;
  const largest = Math.max(...Object.values(errors));
  return [
    say.verdict(Object.keys(errors).length, largest, say.rungs[rung], remembered),
    ...steppedDown.map(say.steppedDown),
    ...(shaderFix === undefined ? [] : [say.mended(shaderFix)]),
  ].join(' ');
}

function adapterLines(compute: BackendInfo | undefined): string[] {
  const { adapter, selfTest } = compute ?? {};
  if (adapter === undefined) return [];
  const limits = Object.entries(adapter.limits).map(([name, limit]) => `  ${name}: ${limit}`);
  const kernels = Object.entries(selfTest?.errors ?? {}).map(([name, error]) => `  ${name}: ${error.toExponential(1)}`);
  return [
    `features: ${adapter.features.join(', ')}`,
    'limits',
    ...limits,
    ...(kernels.length === 0 ? [] : ['errors of the kernels', ...kernels]),
  ];
}
