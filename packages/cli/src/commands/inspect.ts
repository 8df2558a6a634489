import { stat } from 'node:fs/promises';
import { ModelError } from '@flux-srpo/core';
import { inspectBundle, inspectSafetensors } from '@flux-srpo/export';
import { pipelineFolder } from '@flux-srpo/export/node';
import { fileSource } from '@flux-srpo/formats/node';
import { onlyPositional, parseOptions } from '../options.ts';
import { bundleText, safetensorsText } from '../report.ts';

export async function runInspect(args: string[], signal: AbortSignal): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    verify: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  });
  const path = onlyPositional(positionals, 'bundle or file');
  const print = <Report>(report: Report, text: (report: Report) => string) => {
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : text(report));
  };
  if (await isFolder(path)) {
    const report = await inspectBundle(pipelineFolder(path), { verify: values.verify, signal });
    print(report, bundleText);
    const broken = Object.entries(report.files ?? {}).filter(([, state]) => state !== 'ok');
    if (broken.length > 0) throw brokenFiles(broken);
    return;
  }
  const source = await fileSource(path);
  try {
    print(await inspectSafetensors(source), safetensorsText);
  } finally {
    await source.close?.();
  }
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
