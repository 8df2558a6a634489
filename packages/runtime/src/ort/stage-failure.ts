import { type ErrorCode, FluxError, InferenceError } from '@flux-srpo/core';
import type { StageScope } from './stage-context.ts';

/** The typed error for what the runtime threw while doing `what`. A trap poisons the mutex. */
export async function stageFailure(
  { context: { mutex, explainLoading }, label, memory }: StageScope,
  code: ErrorCode,
  graph: string,
  what: string,
  cause: unknown,
): Promise<FluxError> {
  if (cause instanceof FluxError) return cause;
  if (isTrap(cause)) mutex.poison(cause);
  const explained =
    (await memory.explain()) ?? (code === 'inference/session-create' ? await explainLoading?.() : undefined);
  if (explained !== undefined) return explained;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new InferenceError(`graph "${graph}" ${what} in stage "${label}": ${reason}`, {
    code,
    details: { graph, stage: label },
    cause,
  });
}

/** A WebAssembly trap, or the TypeErrors after one: the runtime cannot be trusted any more. */
function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || error instanceof TypeError;
}
