import type { ProfileLine } from '../support/profile-lines.ts';
import type { Line } from './questions.ts';

/** What was measured, for people: a row a line, in columns. */
export function table(lines: readonly Line[]): string {
  const torch = new Map(
    lines
      .filter(({ what }) => what === 'torch-step' || what === 'torch-block')
      .map((line) => [keyOf(line), line.seconds as number]),
  );
  const rows = lines.flatMap((line): string[][] => {
    const { seconds, teraflops } = line as { seconds?: number; teraflops?: number };
    const theirs = torch.get(keyOf(line));
    const ours = line.what === 'step' || line.what === 'block';
    if (line.what === 'left-out')
      return [[`left out: ${nameOf({ ...line, what: `${line.question ?? 'step'}` })}`, `${line.why}`]];
    if (line.what === 'picture') {
      const decibels = `${(line.decibels as number).toFixed(1)} dB`;
      return [
        [nameOf(line), decibels, `${line.isRight ? 'right' : 'WRONG'}: at least ${line.least} dB`, memoryOf(line)],
      ];
    }
    if (line.what === 'kernel') {
      const { kernel, ms, share, leastMs } = line as unknown as ProfileLine;
      return [
        [
          `kernel ${kernel}`,
          `${ms.toPrecision(3)} ms`,
          `${(100 * share).toFixed(1)} %`,
          `at least ${leastMs.toPrecision(3)} ms`,
        ],
      ];
    }
    if (line.what === 'agreement')
      return [[nameOf(line), `${(line.difference as number).toExponential(1)} from float32`]];
    if (line.what === 'self-test') {
      const onUnits = (line.programs as string[]).filter((program) => program.includes('SubgroupMatrix'));
      return [
        [nameOf(line), `rung ${line.rung}`, `on matrix units: ${onUnits.join(' ') || 'none'}`, `${line.steppedDown}`],
      ];
    }
    if (line.what === 'ceiling' && line.failed !== undefined) return [[nameOf(line), `failed: ${line.failed}`]];
    if (seconds === undefined || teraflops === undefined) return [];
    const times = ours && theirs !== undefined ? `${(seconds / theirs).toFixed(2)} of torch's time` : '';
    return [
      [nameOf(line), `${seconds.toPrecision(3)} s`, `${teraflops.toPrecision(3)} TFLOP/s`, times, memoryOf(line)],
    ];
  });
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => (row.length > 2 ? (row[column]?.length ?? 0) : 0))),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function nameOf(line: Line): string {
  const { what, by, kind, size, dtype, precision, highestRung, weights } = line;
  return [what, by, kind, size, dtype, precision, highestRung, weights].filter((word) => word !== undefined).join(' ');
}

/** Blocks of a kind and steps, at one size, whoever computed them. */
function keyOf({ what, kind, size }: Line): string {
  return `${what.replace('torch-', '')} ${kind} ${size}`;
}

function memoryOf({ planned, counted }: Line): string {
  if (typeof planned !== 'number' || typeof counted !== 'number') return '';
  return `${(counted / 1e6).toFixed(1)} MB, ${(planned / 1e6).toFixed(1)} planned`;
}
