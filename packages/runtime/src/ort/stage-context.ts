import type { FluxError } from '@flux-srpo/core';
import type { BackendHooks, Stage } from './backend.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { Memory, OrtModule } from './memory.ts';
import { type Mutex, mutexOf } from './mutex.ts';

/** What the stages of one backend share. */
export interface StageContext {
  readonly ort: OrtModule;
  readonly mutex: Mutex;
  readonly ledger: Ledger;
  readonly hooks: BackendHooks;
  /** What is behind a session that could not be created, if it is no fault of its graph. */
  readonly explainLoading?: (() => Promise<FluxError | undefined>) | undefined;
  /** The open stages, so that the backend can close what its user did not. */
  readonly open: Set<Stage>;
}

export function createStageContext(
  ort: OrtModule,
  hooks: BackendHooks,
  explainLoading?: StageContext['explainLoading'],
): StageContext {
  return { explainLoading, ort, mutex: mutexOf(ort), ledger: createLedger(), hooks, open: new Set() };
}

/** The same stages and counts, over another instance of the runtime. */
export function renewedContext(context: StageContext, ort: OrtModule): StageContext {
  return { ...context, ort, mutex: mutexOf(ort) };
}

export async function closeStages({ open }: StageContext): Promise<void> {
  await Promise.all([...open].map((stage) => stage.close()));
}

/** One stage, as what loads and runs graphs for it sees it. */
export interface StageScope {
  readonly context: StageContext;
  readonly label: string;
  readonly memory: Memory;
  /** Throws once the stage is being closed. */
  assertOpen(): void;
}
