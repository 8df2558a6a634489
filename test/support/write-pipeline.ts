import { type PipelineName, readPipelineFixture } from './fixture.ts';
import { readNodeFixture } from './node-fixtures.ts';
import { synthesizeFolder } from './synthesize.ts';
import { writeFiles } from './write-files.ts';

//   node --import tsx write-pipeline.ts <pipeline> <folder>
// Writes a fixture's pipeline folder and prints its paths as JSON.

const [name, folder] = process.argv.slice(2) as [PipelineName, string];
const files = await synthesizeFolder(readNodeFixture, await readPipelineFixture(readNodeFixture, name));
await writeFiles(folder, files);
process.stdout.write(JSON.stringify([...files.keys()]));
