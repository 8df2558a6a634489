import { FormatError, InputError, ModelError } from '@flux-srpo/core';
import type { Component } from '../key-maps/namings.ts';
import { isObject, readJsonObject, type SourceFolder } from './source-folder.ts';
import { FIRST_PART } from './split-files.ts';

/** Where the tensors of one component are. */
export interface ComponentFiles {
  readonly paths: readonly string[];
  /** The index that lists the shards. Absent for a single file. */
  readonly index?: { readonly path: string /** Tensor → shard. */; readonly shardOf: ReadonlyMap<string, string> };
}

/** File names of diffusers and transformers, without their endings. */
const STEMS = ['diffusion_pytorch_model', 'model'];
const INDEX = '.safetensors.index.json';
/** With a variant's name before its last ending, as diffusers saves it: `….index.bf16.json`. */
const ANY_INDEX = /^[^/]+\.safetensors\.index(?:\.[^./]+)?\.json$/;
const WEIGHTS = /^[^/]+\.(?:safetensors|sft|gguf)$/;
const SHARD = /-\d{5}-of-\d{5}\./;
/** A plain name, also in a URL. */
const SHARD_NAME = /^[^./\\:?#%$\p{Cc}][^/\\:?#%$\p{Cc}]*\.safetensors$/u;
const BRACE = '{'.charCodeAt(0);
/** FLUX.1's largest index, the transformer's, is 0.12 MB. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

/** Whether a file is weights, by its name. */
export function isWeights(name: string): boolean {
  return WEIGHTS.test(name);
}

/** The file given for a component, else the one in `<component>/`, or the shards of its index. */
export async function findFiles(source: SourceFolder, component: Component): Promise<ComponentFiles> {
  const given = source.singleFiles?.[component];
  if (given !== undefined) {
    return (await isIndex(source, given)) ? await readIndex(source, component, given) : { paths: [given] };
  }
  const paths = (await source.list()).filter((path) => path.startsWith(`${component}/`));
  const path = chooseFile(paths, `${component}/`);
  if (!path.endsWith('.json')) return { paths: [path] };
  const found = await readIndex(source, component, path);
  const missing = found.paths.find((shard) => !paths.includes(shard));
  if (missing === undefined) return found;
  throw new ModelError(`${missing} is missing; ${path} names it`, {
    code: 'model/file-missing',
    details: { component, path: missing },
  });
}

/** Whether a file that was given is an index. Where its name does not say, its first bytes do. */
async function isIndex(source: SourceFolder, path: string): Promise<boolean> {
  if (path.endsWith('.json')) return true;
  if (WEIGHTS.test(path.split('/').pop()!)) return false;
  const file = await source.open(path);
  try {
    const first = await file.read(0, Math.min(file.size, 9));
    // Of safetensors, which begin with a length, the ninth byte is the first brace.
    return first[0] === BRACE && first[8] !== BRACE;
  } finally {
    await file.close?.();
  }
}

/** The one file of a folder with a single network, or the index of its shards. */
export async function networkFileName(folder: SourceFolder): Promise<string> {
  return chooseFile(
    (await folder.list()).filter((path) => !path.includes('/')),
    '',
  );
}

/** @param folder `''`, or ends in `/`; all paths begin with it */
function chooseFile(paths: readonly string[], folder: string): string {
  const files = paths.filter((path) => WEIGHTS.test(path.slice(folder.length)));
  const single = files.filter((path) => !SHARD.test(path));
  const of = (extension: string) => STEMS.map((stem) => folder + stem + extension).find((path) => paths.includes(path));
  const named = of('.safetensors');
  const index = of(INDEX);
  const indexes = paths.filter((path) => ANY_INDEX.test(path.slice(folder.length)));
  const variants = [...single, ...indexes];
  const parts = files.filter((path) => FIRST_PART.test(path));
  const place = folder || 'the folder';
  if (index !== undefined && named !== undefined) {
    throw new InputError(`${place} must hold one model, got ${named} and ${index}; remove the one you do not want`, {
      code: 'input/conflict',
      details: { folder, paths: [named, index] },
    });
  }
  const path = index ?? named ?? only(variants) ?? only([...variants, ...parts]);
  if (path !== undefined) return path;
  const shard = files.find((path) => SHARD.test(path));
  const got =
    variants.length > 0 || shard === undefined
      ? variants.join(', ') || 'no .safetensors file'
      : `${shard} without ${shard.replace(/-\d{5}-of-.*/, INDEX)}, which lists the shards`;
  throw new ModelError(`${place} must hold ${folder}${STEMS[0]}.safetensors or its shards, got ${got}`, {
    code: 'model/file-missing',
    details: { folder, found: files },
  });
}

/** The one of a list. */
function only(paths: readonly string[]): string | undefined {
  return paths.length === 1 ? paths[0] : undefined;
}

/** Throws where no shard has a tensor of the index: they are of different models or revisions. */
export function requireListed(
  component: Component,
  { index }: ComponentFiles,
  tensors: ReadonlyMap<string, unknown>,
): void {
  for (const [tensor, shard] of index?.shardOf ?? []) {
    if (tensors.has(tensor)) continue;
    throw new FormatError(
      `${component}: ${index?.path} lists ${tensor} in ${shard}, and no shard has it; get index and shards from one place`,
      { code: 'format/tensor-missing', details: { component, tensor, index: index?.path, path: shard } },
    );
  }
}

async function readIndex(source: SourceFolder, component: Component, path: string): Promise<ComponentFiles> {
  const { weight_map: weightMap } = await readJsonObject(source, path, MAX_INDEX_BYTES);
  const entries = isObject(weightMap) ? Object.entries(weightMap) : [];
  if (entries.length === 0) throw badIndex(path, 'must have a weight_map that names the shards');
  const wrong = entries.find(([, shard]) => typeof shard !== 'string' || !SHARD_NAME.test(shard));
  if (wrong !== undefined) {
    throw badIndex(path, `must name files beside it, got ${JSON.stringify(wrong[1])?.slice(0, 80)} for ${wrong[0]}`);
  }
  const shardOf = new Map(entries.map(([tensor, shard]) => [tensor, `${component}/${shard as string}`]));
  return { paths: [...new Set(shardOf.values())].sort(), index: { path, shardOf } };
}

function badIndex(path: string, problem: string): FormatError {
  return new FormatError(`${path} ${problem}`, { code: 'format/header-invalid', details: { index: path } });
}
