import { InputError } from '@flux-srpo/core';

/** What a place says of a file: enough to see that it is another one. */
export interface FileState {
  readonly size: number;
  /** Undefined where the place does not say. */
  readonly version: string | undefined;
}

/** The error for a file that is no longer what it was: bytes of two states would make a third that nobody wrote. */
export function changed(where: string, before: FileState, now: FileState): InputError {
  return new InputError(
    `${where} must not change while it is read: expected ${describe(before)}, got ${describe(now)}; start again once it stays as it is`,
    { code: 'input/conflict', details: { source: where, before, now } },
  );
}

function describe({ size, version }: FileState): string {
  return version === undefined ? `${size} bytes` : `${size} bytes (${version})`;
}
