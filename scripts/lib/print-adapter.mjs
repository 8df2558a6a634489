import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './process.mjs';

/** Prints what Dawn's adapter says of itself as one line of JSON. */

const { resolve } = createRequire(join(ROOT, 'packages/runtime/package.json'));
const { create } = await import(pathToFileURL(resolve('webgpu')).href);
// Dawn dies when this object is collected.
const gpu = create([]);
const adapter = await gpu.requestAdapter();
const { description, subgroupMinSize } = adapter.info;
console.log(JSON.stringify({ description, subgroupMinSize, features: [...adapter.features] }));
process.exit(0);
