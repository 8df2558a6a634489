import { InputError } from '@flux-srpo/core';
import { type KeepOptions, keepAll, openBundle } from '@flux-srpo/runtime/bundle';
import type { ModelAddress } from '../model-source.ts';
import type { CompleteModel, TransferProgress } from '../model-storage.ts';
import { openModel } from '../open-model.ts';
import { opfsModelId } from '../opfs/opfs-models.ts';
import { describeModel } from '../stored-models.ts';

/**
 * Fetches a bundle into this browser's storage. Only in a worker, which may be terminated at any
 * moment: the chunks that are there stay.
 */
export async function fetchModel(
  address: ModelAddress,
  onProgress: (progress: TransferProgress) => void,
  gate: KeepOptions['gate'],
): Promise<CompleteModel> {
  if (opfsModelId(address.model) !== undefined) {
    throw new InputError(`what is fetched must have a web address, got ${address.model}; import it instead`, {
      code: 'input/type',
      details: { field: 'url' },
    });
  }
  const { files, chunks, refusal, release } = await openModel({ ...address, keep: true });
  try {
    if (chunks === undefined) throw refusal;
    const assertKept = (): void => {
      if (chunks.refusal !== undefined) throw chunks.refusal;
    };
    const bundle = await openBundle(files, { sha256: address.sha256, store: chunks });
    await chunks.begin(bundle.manifest, true);
    assertKept();
    await keepAll(bundle, chunks, {
      // Whoever stops it ends this worker.
      signal: new AbortController().signal,
      onProgress: (progress) => onProgress(progress as TransferProgress),
      gate,
    });
    await chunks.end(bundle.manifest);
    assertKept();
    return (await describeModel(address.model)) as CompleteModel;
  } finally {
    release();
  }
}
