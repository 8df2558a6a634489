import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { convertInMemory } from '../parity/support/bundle.ts';
import { type PipelineName, readPipelineFixture } from '../parity/support/fixture.ts';
import { readNodeFixture } from '../parity/support/node-fixtures.ts';
import { synthesizeFolder } from '../parity/support/synthesize.ts';

// node --import tsx write-bundle.ts <pipeline> <folder>: a fixture's bundle as files.

const [name, folder] = process.argv.slice(2) as [PipelineName, string];
const fixture = await readPipelineFixture(readNodeFixture, name);
const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
for (const [path, bytes] of files) {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}
