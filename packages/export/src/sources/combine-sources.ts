import { InputError, ModelError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import { COMPONENTS, type Component } from '../key-maps/namings.ts';
import { refuseOtherNetwork } from '../recognise/recognise.ts';
import { openTensorStore } from '../tensors/open-tensor-store.ts';
import { isWeights } from './component-files.ts';
import type { SourceFolder } from './source-folder.ts';

/** A checkpoint file: on disk, picked in a browser, or at a URL. */
export interface SourceFile {
  /** Its last path segment; goes into the bundle's manifest. */
  readonly name: string;
  open(): Promise<ByteSource>;
  /** Another file of its folder: a shard or part. Absent where the folder cannot be reached. */
  beside?(name: string): SourceFile;
}

/** Where each part of a model comes from. */
export interface ModelSources {
  /** A diffusers FluxPipeline folder. What is given below replaces its own. */
  readonly folder?: SourceFolder | undefined;
  /** safetensors or GGUF in any naming, or an index of shards. One file may hold several. */
  readonly files?: Readonly<Partial<Record<Component, SourceFile>>>;
  /** A folder that holds `tokenizer/` and `tokenizer_2/`, in place of `folder`'s. */
  readonly tokenizers?: SourceFolder | undefined;
}

const TOKENIZER_PATH = /^tokenizer(?:_2)?\//;

/** All sources as one folder, to be converted like any other. */
export async function combineSources({ folder, files = {}, tokenizers }: ModelSources): Promise<SourceFolder> {
  await requireEverything(folder, files, tokenizers);
  const opens = new Map<string, () => Promise<ByteSource>>();
  const add = async (source: SourceFolder | undefined, takes: (path: string) => boolean) => {
    for (const path of (await source?.list()) ?? []) if (takes(path)) opens.set(path, () => source!.open(path));
  };
  await add(folder, (path) => tokenizers === undefined || !TOKENIZER_PATH.test(path));
  await add(tokenizers, (path) => TOKENIZER_PATH.test(path));

  const singleFiles: Partial<Record<Component, string>> = {};
  const paths = new Map<SourceFile, string>();
  for (const component of COMPONENTS) {
    const file = files[component];
    if (file === undefined) continue;
    const path = paths.get(file) ?? `${component}/${file.name}`;
    paths.set(file, path);
    opens.set(path, async () => ({ ...(await file.open()), name: path }));
    singleFiles[component] = path;
  }
  /** Shards and parts are not listed: only an index or another part names them. */
  const openBeside = (path: string): (() => Promise<ByteSource>) | undefined => {
    const [component, name] = path.split('/') as [Component, string];
    const file = files[component];
    if (file === undefined || path === singleFiles[component] || !isWeights(name)) return undefined;
    const other = file.beside?.(name);
    return other && (async () => ({ ...(await other.open()), name: path }));
  };
  return {
    list: async () => [...opens.keys()],
    async open(path) {
      const open = openBeside(path) ?? opens.get(path);
      if (open !== undefined) return await open();
      throw new ModelError(`${path} is missing from the sources; give it too`, {
        code: 'model/file-missing',
        details: { path },
      });
    },
    singleFiles,
  };
}

/**
 * Throws where something is missing, but first where what is given is of no use: then nothing else
 * needs to be found. A folder is checked when it is read.
 */
async function requireEverything(
  folder: SourceFolder | undefined,
  files: NonNullable<ModelSources['files']>,
  tokenizers: SourceFolder | undefined,
): Promise<void> {
  if (folder !== undefined) return;
  const missing = COMPONENTS.filter((component) => files[component] === undefined) as string[];
  // A GGUF file may have one inside.
  if (tokenizers === undefined && !files.text_encoder?.name.endsWith('.gguf')) missing.push('tokenizers');
  if (missing.length === 0) return;
  for (const file of new Set(Object.values(files))) if (isWeights(file.name)) await refuseUnusable(file);
  throw new InputError(`without a pipeline folder every part must be given; missing: ${missing.join(', ')}`, {
    code: 'input/required',
    details: { missing },
  });
}

/** Throws where a file is of a kind that is not converted. */
async function refuseUnusable(file: SourceFile): Promise<void> {
  const source = await file.open();
  try {
    refuseOtherNetwork(file.name, await openTensorStore(source));
  } finally {
    await source.close?.();
  }
}
