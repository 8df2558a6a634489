// Explores the readers of foreign bytes for a given time.
//
//   npx tsx test/fuzz/fuzz.ts [--seconds 60] [--seed 1] [--findings <folder>] [<target> ...]
//
// One JSON line per target. A finding is printed, and written to the folder.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Explorer } from './explorer.ts';
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
const seed = Number(values.seed);
const seconds = Number(values.seconds);
const explorer = new Explorer();
for (const name of names) {
  if (!Object.hasOwn(TARGETS, name)) throw new Error(`targets are ${Object.keys(TARGETS).join(', ')}, got ${name}`);
  const { finding, slowest, ...counts } = await explorer.explore({ target: name, seed, seconds });
  console.log(
    JSON.stringify({ target: name, seed, ...counts, slowest_ms: Math.round(slowest), finding: finding?.error ?? null }),
  );
  if (finding === undefined) continue;
  process.exitCode = 1;
  if (values.findings === undefined) continue;
  mkdirSync(values.findings, { recursive: true });
  writeFileSync(join(values.findings, `${name}-${seed}`), finding.bytes);
}
explorer.close();
