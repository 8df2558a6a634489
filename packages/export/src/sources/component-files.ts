import { FormatError, InputError, ModelError } from '@flux-srpo/core';
import type { Component } from '../key-maps/index.ts';
import { isObject, readJsonObject, type SourceFolder } from './source-folder.ts';

/** Where the tensors of one component are. */
export interface ComponentFiles {
  readonly paths: readonly string[];
  /** The index that lists the shards. Absent for a single file. */
  readonly index?: { readonly path: string /** Tensor → shard. */; readonly shardOf: ReadonlyMap<string, string> };
}

/** File names of diffusers and transformers, without their endings. */
const STEMS = ['diffusion_pytorch_model', 'model'];
const INDEX = '.safetensors.index.json';
const WEIGHTS = /^[^/]+\.(?:safetensors|sft|gguf)$/;
const SHARD = /-\d{5}-of-\d{5}\./;
const SHARD_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*\.safetensors$/;
/** FLUX.1's largest index, the transformer's, is 0.12 MB. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

export function isShardIndex(path: string): boolean {
  return path.endsWith(INDEX);
}

/**
 * The file given for a component, else the one in `<component>/`. Either is a single file or an
 * index, which names its shards.
 */
export async function findFiles(source: SourceFolder, component: Component): Promise<ComponentFiles> {
  const given = source.singleFiles?.[component];
  if (given !== undefined) return isShardIndex(given) ? await readIndex(source, component, given) : { paths: [given] };
  const paths = (await source.list()).filter((path) => path.startsWith(`${component}/`));
  const path = chooseFile(paths, `${component}/`);
  if (!isShardIndex(path)) return { paths: [path] };
  const found = await readIndex(source, component, path);
  const missing = found.paths.find((shard) => !paths.includes(shard));
  if (missing === undefined) return found;
  throw new ModelError(`${missing} is missing; ${path} names it`, {
    code: 'model/file-missing',
    details: { component, path: missing },
  });
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
  const place = folder || 'the folder';
  if (index !== undefined && named !== undefined) {
    throw new InputError(`${place} must hold one model, got ${named} and ${index}; remove the one you do not want`, {
      code: 'input/conflict',
      details: { folder, paths: [named, index] },
    });
  }
  const path = index ?? named ?? (single.length === 1 ? single[0] : undefined);
  if (path !== undefined) return path;
  const shard = files.find((path) => SHARD.test(path));
  const got =
    single.length > 0 || shard === undefined
      ? single.join(', ') || 'no .safetensors file'
      : `${shard} without ${shard.replace(/-\d{5}-of-.*/, INDEX)}, which lists the shards`;
  throw new ModelError(`${place} must hold ${folder}${STEMS[0]}.safetensors or its shards, got ${got}`, {
    code: 'model/file-missing',
    details: { folder, found: files },
  });
}

/**
 * Throws where a shard lacks a tensor that the index lists: the shard is from another model or
 * another revision.
 */
export function requireListed(component: Component, { index }: ComponentFiles, tensors: ReadonlySet<string>): void {
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
