import { FormatError, ModelError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import type { Component } from '../key-maps/rules.ts';

/** Files to convert from or to inspect: on disk, picked in a browser, or in memory. */
export interface SourceFolder {
  /** Paths of all files, relative, with `/`. */
  list(): Promise<readonly string[]>;
  open(path: string): Promise<ByteSource>;
  /**
   * Paths of components that are one file each; other files of the folder are ignored for these.
   * Without a config, their shape is read from the tensors.
   */
  readonly singleFiles?: Readonly<Partial<Record<Component, string>>>;
}

/** A config.json has a few KB. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** The whole of a small file, refused above `maxBytes`. */
export async function readSmallFile(source: SourceFolder, path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await source.open(path);
  try {
    requireSize(file, path, maxBytes);
    return await file.read(0, file.size);
  } finally {
    await file.close?.();
  }
}

/** Throws where a file is larger than any of its kind. */
export function requireSize({ size }: ByteSource, path: string, maxBytes: number): void {
  if (size <= maxBytes) return;
  throw new FormatError(`${path} must be at most ${maxBytes} bytes, got ${size}; no file of its kind is that large`, {
    code: 'format/header-too-large',
    details: { path, limit: maxBytes, size },
  });
}

/** A JSON object from a file; anything else is a FormatError that names the file. */
export async function readJsonObject(
  source: SourceFolder,
  path: string,
  maxBytes = MAX_CONFIG_BYTES,
): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await readSmallFile(source, path, maxBytes));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path} must be JSON, got: ${(cause as Error).message}; download it again`, {
      code: 'format/header-invalid',
      details: { path },
      cause,
    });
  }
  if (!isObject(value)) {
    throw new FormatError(
      `${path} must hold a JSON object, got ${Array.isArray(value) ? 'an array' : typeof value}; download it again`,
      {
        code: 'format/header-invalid',
        details: { path },
      },
    );
  }
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws where `path` is not among `paths`. `hint` says what to do about it. */
export function requireFile(paths: readonly string[], path: string, hint: string, folder = 'pipeline'): void {
  if (paths.includes(path)) return;
  throw new ModelError(`${path} is missing from the ${folder} folder; ${hint}`, {
    code: 'model/file-missing',
    details: { path },
  });
}
