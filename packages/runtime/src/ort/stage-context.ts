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
  /** The open stages, so that the backend can close what its user did not. */
  readonly open: Set<Stage>;
}

export function createStageContext(ort: OrtModule, hooks: BackendHooks): StageContext {
  return { ort, mutex: mutexOf(ort), ledger: createLedger(), hooks, open: new Set() };
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
