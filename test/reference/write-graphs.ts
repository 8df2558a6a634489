/**
 *   npx tsx test/reference/write-graphs.ts <folder>
 * Writes the graphs that check_graphs.py checks.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkedGraphs } from '../support/graphs.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: npx tsx test/reference/write-graphs.ts <folder>');
for (const [name, bytes] of await checkedGraphs(readNodeFixture)) {
  const path = join(folder, `${name}.onnx`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}
