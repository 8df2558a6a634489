import { convertInMemory } from './bundle.ts';
import { type PipelineName, readPipelineFixture } from './fixture.ts';
import { readNodeFixture } from './node-fixtures.ts';
import { synthesizeFolder } from './synthesize.ts';
import { writeFiles } from './write-files.ts';

//   node --import tsx write-bundle.ts <pipeline> <folder>
// Writes a fixture's bundle.

const [name, folder] = process.argv.slice(2) as [PipelineName, string];
const fixture = await readPipelineFixture(readNodeFixture, name);
const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
await writeFiles(folder, files);
