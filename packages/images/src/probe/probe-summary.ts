import { formatBytes as bytes, PLAN_PHASES, planNotes } from '@flux-srpo/core';
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
    for (const note of planNotes(memory)) lines.push(`  ${note}`);
  }
  return lines.join('\n');
}
