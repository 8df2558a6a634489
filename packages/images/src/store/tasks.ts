import type { WireError } from '@flux-srpo/core';
import type { ConvertNotice, ConvertProgress } from '@flux-srpo/export';
import type { ImportInput } from './import/import-messages.ts';
import type { ModelAddress } from './model-source.ts';
import type { CompleteModel, ImportForecast, TransferProgress, Verification } from './model-storage.ts';

/** What the page and the worker of the storage send to each other. */

/** What each task takes, tells and results in. */
export interface Tasks {
  import: { input: ImportInput; progress: ConvertProgress; result: CompleteModel };
  foresee: { input: ImportInput; progress: never; result: ImportForecast };
  fetch: { input: ModelAddress; progress: TransferProgress; result: CompleteModel };
  verify: { input: { id: string }; progress: TransferProgress; result: Verification };
}

/** The first message that the worker is sent. */
export type TaskCall = { [Name in keyof Tasks]: { task: Name; input: Tasks[Name]['input'] } }[keyof Tasks];

/** What it may be sent later: a fetch that is paused begins no chunk. */
export interface TaskMessage {
  paused: boolean;
}

/** What the worker sends; its last message is a result or a failure. */
export type TaskAnswer<Name extends keyof Tasks> =
  /** It holds this Web Lock as long as it lives. */
  | { type: 'alive'; lock: string }
  | { type: 'progress'; progress: Tasks[Name]['progress'] }
  | { type: 'notice'; notice: ConvertNotice }
  | { type: 'result'; result: Tasks[Name]['result'] }
  | { type: 'failure'; error: WireError };
