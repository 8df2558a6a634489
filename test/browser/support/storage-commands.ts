import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BrowserCommand } from 'vitest/node';

/**
 * Paths on the test server: a pipeline folder, and the bundle that the command line makes of it.
 */
export interface ServedConversion {
  pipeline: string;
  paths: string[];
  bundle: string;
}

/** Writes a parity fixture's pipeline folder and converts it as a user would. */
export const convertFixtureWithCli: BrowserCommand<[pipeline: string, dtype: string]> = async (
  _context,
  name,
  dtype,
): Promise<ServedConversion> => {
  const script = fileURLToPath(new URL('./write-conversion.ts', import.meta.url));
  const at = `.cache/conversions/${name}-${dtype}`;
  const folder = fileURLToPath(new URL(`../../../${at}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, name, dtype, folder]);
  return { pipeline: `/${at}/pipeline/`, paths: JSON.parse(stdout), bundle: `/${at}/bundle/` };
};
