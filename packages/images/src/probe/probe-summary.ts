import { formatBytes as bytes, planLines } from '@flux-srpo/core';
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
  if (memory !== undefined) lines.push(...planLines(memory.size, memory));
  if (memory?.basis === 'untried') lines.push('  if the GPU gives that much, which the first load tries');
  return lines.join('\n');
}
