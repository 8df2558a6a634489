import { readFileSync } from 'node:fs';
import { isFluxError, parseManifest } from '@flux-srpo/core';

/**
 * A reader of foreign bytes. It answers or throws an error of ours; everything else is a finding.
 */
export interface FuzzTarget {
  readonly seeds: readonly Uint8Array[];
  run(bytes: Uint8Array): Promise<void>;
  /** Corrects the lengths, so that mistakes further inside are reached. */
  readonly repair?: (bytes: Uint8Array) => Uint8Array;
  /** Mistakes are mostly of its shape: bytes that are no JSON are refused before anything else. */
  readonly isJson?: boolean;
}

const ROOT = new URL('../../../', import.meta.url);

/** A file of the repository. */
export const read = (path: string) => new Uint8Array(readFileSync(new URL(path, ROOT)));

/** The embedded model's. */
export const MANIFEST = parseManifest(new TextDecoder().decode(read('models/tiny/bundle/manifest.json')));

export const textBytes = (text: string) => new TextEncoder().encode(text);
export const jsonBytes = (value: unknown) => textBytes(JSON.stringify(value));

/** What JSON the bytes are. Mutations of bytes break JSON often, which proves little. */
export function parseJson(bytes: Uint8Array): { json: unknown } | undefined {
  try {
    return { json: JSON.parse(new TextDecoder().decode(bytes)) };
  } catch {
    return undefined;
  }
}

export async function isRefusal(run: () => Promise<void> | void): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!isFluxError(error)) throw error;
  }
}

export function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
