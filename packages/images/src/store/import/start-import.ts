import type { LocalBackend } from '../../worker/protocol.ts';
import { checkModelId } from '../opfs/opfs-models.ts';
import { runTask } from '../run-task.ts';
import type { Tasks } from '../tasks.ts';
import { importInput } from './import-input.ts';
import type { ImportOptions, ImportSources, RecipeSources } from './import-options.ts';

/**
 * Imports a model, or foresees that, in a worker of its own.
 *
 * @param backends what may compute the model here, in this order
 */
export async function startImport<Name extends 'import' | 'foresee'>(
  task: Name,
  backends: readonly LocalBackend[],
  sources: ImportSources | RecipeSources,
  { signal, onProgress, onNotice, workerUrl, ...settings }: ImportOptions = {},
): Promise<Tasks[Name]['result']> {
  signal?.throwIfAborted();
  if (settings.id !== undefined) checkModelId(settings.id);
  const input = importInput(sources, settings, backends);
  return runTask(task, input, { signal, onProgress, onNotice, workerUrl });
}
