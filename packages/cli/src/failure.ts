import { isFluxError } from '@flux-srpo/core';

/** 2: something the user can fix. 130: stopped by the user. 1: a bug of ours. */
export function exitCodeFor(error: unknown): number {
  if (isFluxError(error)) return 2;
  return isAbort(error) ? 130 : 1;
}

/** One line for what the user can fix; a stack only for a bug of ours. */
export function report(error: unknown): void {
  if (isFluxError(error)) process.stderr.write(`error: ${error.code}: ${oneLine(error.message)}\n`);
  else if (isAbort(error)) process.stderr.write('stopped\n');
  else process.stderr.write(`internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function oneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/g, ' ');
}
