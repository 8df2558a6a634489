// Writes the embedded model's picture, drawn by onnxruntime-node: [H, W, 3] bytes, nothing else.
//
//   npx tsx bench/gpu/draw-picture.ts <bundle> <file>

import { writeFile } from 'node:fs/promises';
import { createPipeline, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { PICTURE } from './picture.ts';

const [folder, file] = process.argv.slice(2);
if (folder === undefined || file === undefined) throw new Error('a bundle and a file must be named');
const backend = await createNodeBackend();
const pipeline = await createPipeline({ bundle: await openBundle(folderBundle(folder)), backend });
const { images } = await pipeline.generate(PICTURE);
await pipeline.dispose();
await writeFile(file, images[0]!.rgb);
