import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PipelineName, readPipelineFixture } from '../../support/fixture.ts';
import { readNodeFixture } from '../../support/node-fixtures.ts';
import { synthesizeFolder } from '../../support/synthesize.ts';
import { writeFiles } from '../../support/write-files.ts';

//   node --import tsx write-conversion.ts <pipeline> <dtype> <folder>
// Writes a fixture's pipeline folder and the bundle that the command line makes of it. Prints the
// pipeline's paths as JSON.

const BIN = fileURLToPath(new URL('../../../packages/cli/bin/flux-srpo.js', import.meta.url));

const [name, dtype, folder] = process.argv.slice(2) as [PipelineName, string, string];
await rm(folder, { recursive: true, force: true });
const files = await synthesizeFolder(readNodeFixture, await readPipelineFixture(readNodeFixture, name));
await writeFiles(join(folder, 'pipeline'), files);
const command = [BIN, 'convert', join(folder, 'pipeline'), '--out', join(folder, 'bundle'), '--dtype', dtype];
execFileSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
process.stdout.write(JSON.stringify([...files.keys()]));
