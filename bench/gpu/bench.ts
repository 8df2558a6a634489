// What a GPU makes of FLUX.1's transformer, on a machine that has a Vulkan driver and nothing else:
// bench/gpu/pack.mjs bundles this file and all it needs. bench/gpu/README.md says how to run it.
//
//   run [--minutes 8] [--budget 16e9] [--small]
//
// JSON lines, then a table. Exits with 1 where the GPU computed something wrong.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answer } from './answer.ts';
import { errorText } from './error-text.ts';
import { interview } from './interview.ts';
import type { Line, Question, Tell } from './questions.ts';
import { table } from './table.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '8' },
    budget: { type: 'string' },
    small: { type: 'boolean', default: false },
    answer: { type: 'string' },
  },
});
const folder = new URL('.', import.meta.url);
process.exit(values.answer === undefined ? await askAll() : await answerOne(JSON.parse(values.answer)));

async function answerOne(question: Question): Promise<number> {
  try {
    await answer(question, folder, print);
    return 0;
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n`);
    return 1;
  }
}

async function askAll(): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'flux-srpo-gpu-'));
  const lines: Line[] = [];
  try {
    const isRight = await interview(
      {
        minutes: Number(values.minutes),
        isSmall: values.small,
        budget: values.budget === undefined ? undefined : Number(values.budget),
        self: { command: process.execPath, args: [fileURLToPath(import.meta.url)] },
        folder,
        scratch,
      },
      (line) => {
        lines.push(line);
        // Samples are for the comparison alone.
        print({ ...line, sample: undefined });
      },
    );
    process.stdout.write(`\n${table(lines)}\n`);
    return isRight ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function print(line: Line): ReturnType<Tell> {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
