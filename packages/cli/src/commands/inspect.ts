import { stat } from 'node:fs/promises';
import { ModelError } from '@flux-srpo/core';
import { inspectBundle, inspectTensorFile, isNetworkAddress, readTensor, virtualBundle } from '@flux-srpo/export';
import { pipelineFolder } from '@flux-srpo/export/node';
import { type ByteSource, npyHeader } from '@flux-srpo/formats';
import { readComputing } from '../computing-options.ts';
import { deviceText, inspectDevice } from '../device-report.ts';
import { onlyPositional, parseOptions, required, UsageError } from '../options.ts';
import { writeOutputInPieces } from '../output.ts';
import { bundleText, tensorFileText } from '../report.ts';
import { sourceFile } from '../source-file.ts';

export async function runInspect(args: string[], signal: AbortSignal): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    verify: { type: 'boolean', default: false },
    tensor: { type: 'string' },
    out: { type: 'string' },
    token: { type: 'string' },
    device: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  const print = <Report>(report: Report, text: (report: Report) => string) => {
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : text(report));
  };
  if (values.device !== undefined) {
    const computing = readComputing({ device: values.device, precision: 'auto', 'accuracy-level': '0' });
    const model = positionals.length === 0 ? undefined : onlyPositional(positionals, 'bundle');
    return print(await inspectDevice(computing, model), deviceText);
  }
  const path = onlyPositional(positionals, 'bundle or file');
  if ((values.tensor === undefined) !== (values.out === undefined)) {
    throw new UsageError(
      `--tensor names what --out is to hold: expected both, got --${values.tensor ? 'tensor' : 'out'}`,
    );
  }
  if (!isNetworkAddress(path) && (await isFolder(path))) {
    if (values.tensor !== undefined) throw new UsageError('--tensor needs a file, got a folder');
    const folder = pipelineFolder(path);
    const { open } = await virtualBundle({ name: path, open: folder.open });
    const report = await inspectBundle({ list: folder.list, open }, { verify: values.verify, signal });
    print(report, bundleText);
    const broken = Object.entries(report.files ?? {}).filter(([, state]) => state !== 'ok');
    if (broken.length > 0) throw brokenFiles(broken);
    return;
  }
  const file = sourceFile(path, values.token);
  const source = await file.open();
  try {
    if (values.tensor === undefined) print(await inspectTensorFile(source, file.beside), tensorFileText);
    else print(await saveTensor(source, values.tensor, required(values.out, '--out'), signal), savedText);
  } finally {
    await source.close?.();
  }
}

interface SavedTensor {
  tensor: string;
  dtype: string;
  shape: number[];
  out: string;
}

/** One tensor as float32 in a .npy file. */
async function saveTensor(source: ByteSource, name: string, out: string, signal: AbortSignal): Promise<SavedTensor> {
  const { dtype, shape, pieces } = await readTensor(source, name);
  async function* file() {
    yield npyHeader(shape);
    for await (const { buffer, byteOffset, byteLength } of pieces(signal)) {
      yield new Uint8Array(buffer, byteOffset, byteLength);
    }
  }
  await writeOutputInPieces(out, file());
  return { tensor: name, dtype, shape: [...shape], out };
}

function savedText({ tensor, dtype, shape, out }: SavedTensor): string {
  return `${out}: ${tensor}, ${dtype} [${shape.join(', ')}] as float32\n`;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new ModelError(`there is no file or folder at ${path}`, {
      code: 'model/not-found',
      details: { path },
      cause,
    });
  }
}

function brokenFiles(broken: [path: string, state: string][]): ModelError {
  const [path, state] = broken[0] as [string, string];
  const more = broken.length > 1 ? ` and ${broken.length - 1} more` : '';
  return new ModelError(`${path} must be what the manifest says, got ${state}${more}; download or convert it again`, {
    code: state === 'missing' ? 'model/file-missing' : 'model/hash-mismatch',
    details: { files: Object.fromEntries(broken) },
  });
}
