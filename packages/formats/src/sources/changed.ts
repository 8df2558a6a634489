import { InputError } from '@flux-srpo/core';

/** Size and version of a file at one time, to tell whether it changed. */
export interface FileState {
  readonly size: number;
  /** Undefined where the place knows no versions. */
  readonly version: string | undefined;
}

/** The error for a file that changed while it was read: nobody wrote such a mixture. */
export function changed(where: string, before: FileState, now: FileState): InputError {
  return new InputError(
    `${where} must not change while it is read: expected ${describe(before)}, got ${describe(now)}; start again once nothing writes to it`,
    { code: 'input/conflict', details: { source: where, before, now } },
  );
}

function describe({ size, version }: FileState): string {
  return version === undefined ? `${size} bytes` : `${size} bytes (${version})`;
}
