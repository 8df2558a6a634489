import { formatBytes as bytes, PIXELS_PER_LATENT, PLAN_PHASES } from '@flux-srpo/core';
import type { Findings } from './probe-report.ts';

/** The report in words, line by line: verdict, reasons, download, memory of each phase. */
export function probeSummary({
  verdict,
  backend,
  reasons,
  adapter,
  model,
  download,
  storage,
  memory,
}: Findings): string {
  const where = backend === undefined ? '' : ` on ${backend}`;
  const gpu = adapter === undefined ? '' : ` (${[adapter.vendor, adapter.architecture].filter(Boolean).join(' ')})`;
  const lines = [`${model === undefined ? '' : `${model.name}: `}${verdict}${where}${gpu}`];
  for (const { code, message } of reasons) lines.push(`  ${code}: ${message}`);
  if (download !== undefined) {
    const room = storage === undefined ? '' : `; this site may store ${bytes(storage.quota - storage.usage)} more`;
    lines.push(`download ${bytes(download)}${room}`);
  }
  if (memory !== undefined) {
    const { size, phases, keep } = memory;
    const stay = keep ? 'weights stay between pictures' : 'weights are loaded for each picture';
    lines.push(`a picture of ${size.width}x${size.height} takes ${bytes(memory.peak)} on the device at most; ${stay}`);
    for (const phase of PLAN_PHASES) {
      const { bytes: all, weights, work, mode } = phases[phase];
      lines.push(`  ${phase.padEnd(10)} ${bytes(all)}: weights ${bytes(weights)} (${mode}), work ${bytes(work)}`);
    }
    const tile = PIXELS_PER_LATENT * (memory.decodeTile ?? 0);
    if (tile > 0) lines.push(`  decoded in tiles of ${tile}x${tile}`);
    if (memory.readPerStep > 0) lines.push(`  each step reads ${bytes(memory.readPerStep)} of weights again`);
    for (const { message } of memory.refusals) lines.push(`  refused: ${message}`);
  }
  return lines.join('\n');
}
