import { convertInMemory } from '../parity/support/bundle.ts';
import { type PipelineName, readPipelineFixture } from '../parity/support/fixture.ts';
import { readNodeFixture } from '../parity/support/node-fixtures.ts';
import { synthesizeFolder } from '../parity/support/synthesize.ts';
import { writeFiles } from './write-files.ts';

// node --import tsx write-bundle.ts <pipeline> <folder>: a fixture's bundle as files.

const [name, folder] = process.argv.slice(2) as [PipelineName, string];
const fixture = await readPipelineFixture(readNodeFixture, name);
const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
await writeFiles(folder, files);
