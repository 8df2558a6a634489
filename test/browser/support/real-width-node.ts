import { createNodeBackend } from '@flux-srpo/runtime/node';
import { type RealBlock, runRealBlock } from './real-width.ts';

//   node --import tsx real-width-node.ts double_block
// Prints the block's outputs on onnxruntime-node, as base64 in JSON.

const backend = await createNodeBackend();
const outputs = await runRealBlock(await backend.openStage('reference'), process.argv[2] as RealBlock);
await backend.dispose();
const encoded = Object.entries(outputs).map(([name, data]) => [name, Buffer.from(data.buffer).toString('base64')]);
process.stdout.write(JSON.stringify(Object.fromEntries(encoded)));
