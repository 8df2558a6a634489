import { memoryKey, type Precision } from '@flux-srpo/core';
import type { AdapterReport } from './ort/adapter.ts';
import type { VerdictStore } from './ort/self-test-verdict.ts';
import { defaultVerdictStore } from './ort/verdict-store.ts';

/** For the main thread: what the machine offers, without onnxruntime. */
export { type AdapterReport, probeAdapter } from './ort/adapter.ts';
export type { VerdictStore } from './ort/self-test-verdict.ts';

/**
 * What an earlier session found that this adapter gives to this bundle, in bytes.
 *
 * @param bundle its identity
 * @param store default: IndexedDB
 */
export async function rememberedMemory(
  adapter: AdapterReport,
  bundle: string,
  precision: Precision,
  store: VerdictStore = defaultVerdictStore(),
): Promise<number | undefined> {
  const known = await store.get(memoryKey(adapter, bundle, precision));
  return typeof known === 'number' ? known : undefined;
}
