import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main } from 'assemblyscript/asc';
import { ROOT } from './lib/process.mjs';

/**
 * `npm run wasm`: compiles the kernels of quantizers and kept blocks. A test compares the committed
 * kernels with what the compiler makes today.
 */

const SOURCES = ['packages/export/assembly/quantize.ts', 'packages/export/assembly/ggml-blocks.ts'];

/**
 * The TypeScript file of the kernels: the WebAssembly as base64, so that bundlers need no setting
 * for a file.
 */
export async function compileKernels(): Promise<string> {
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await main(
    [
      ...SOURCES,
      '--enable',
      'simd',
      '--outFile',
      'kernels.wasm',
      '--runtime',
      'stub',
      '--use',
      'abort=',
      '--noAssert',
      '-O3',
      '--converge',
    ],
    {
      readFile: (path, folder) => readIfThere(join(folder, path)),
      writeFile: (_, bytes) => {
        wasm = bytes as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === undefined) throw new Error(`${SOURCES.join(' and ')} must compile, got:\n${stderr}`);
  return [
    `// Made by "npm run wasm" from packages/export/assembly; edit that instead.`,
    `export const KERNELS_WASM =`,
    `  '${Buffer.from(wasm).toString('base64')}';`,
    '',
  ].join('\n');
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return null;
  }
}

export const KERNELS_FILE: string = join(ROOT, 'packages/export/src/quantize/kernels.wasm.ts');

if (process.argv[1]?.endsWith('wasm.ts')) writeFileSync(KERNELS_FILE, await compileKernels());
