// Explores the readers of foreign bytes for a given time.
//
//   npx tsx test/fuzz/fuzz.ts [--seconds 60] [--seed 1] [--findings <folder>] [<target> ...]
//
// One JSON line per target. A finding is printed, and written to the folder.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { explore } from './explore.ts';
import { TARGETS } from './targets/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    findings: { type: 'string' },
  },
});

const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);
for (const name of names) {
  const target = TARGETS[name];
  if (target === undefined) throw new Error(`targets are ${Object.keys(TARGETS).join(', ')}, got ${name}`);
  const seed = Number(values.seed);
  const end = performance.now() + 1000 * Number(values.seconds);
  const { finding, slowest, ...counts } = await explore(target, seed, () => performance.now() >= end);
  console.log(
    JSON.stringify({ target: name, seed, ...counts, slowest_ms: Math.round(slowest), finding: finding?.error ?? null }),
  );
  if (finding === undefined) continue;
  process.exitCode = 1;
  if (values.findings === undefined) continue;
  mkdirSync(values.findings, { recursive: true });
  writeFileSync(join(values.findings, `${name}-${seed}`), finding.bytes);
}
