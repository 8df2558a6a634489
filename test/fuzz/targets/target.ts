import { readFileSync } from 'node:fs';
import { isFluxError, parseManifest } from '@flux-srpo/core';

/** A reader of foreign bytes. */
export interface FuzzTarget {
  /** Inputs that are read. */
  readonly seeds: readonly Uint8Array[];
  /** Inputs that are refused, as an error that a server answers with. */
  readonly refused?: readonly Uint8Array[];
  /**
   * Whether the input was read. False where it was refused with an error of ours; any other error
   * is a finding.
   */
  run(bytes: Uint8Array): Promise<boolean>;
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

/** Whether `read` ends without an error of ours. */
export async function isRead(read: () => Promise<void> | void): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    if (isFluxError(error)) return false;
    throw error;
  }
}

export function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
