import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** Writes a parity fixture's bundle. */
export async function writeBundle(pipeline: string, folder: string): Promise<void> {
  const script = join(ROOT, 'test/support/write-bundle.ts');
  await run(process.execPath, ['--import', 'tsx', script, pipeline, folder], { cwd: ROOT });
}

/** Writes a parity fixture's pipeline folder; gives its paths. */
export async function writePipeline(pipeline: string, folder: string): Promise<string[]> {
  const script = join(ROOT, 'test/support/write-pipeline.ts');
  const { stdout } = await run(process.execPath, ['--import', 'tsx', script, pipeline, folder], { cwd: ROOT });
  return JSON.parse(stdout);
}
