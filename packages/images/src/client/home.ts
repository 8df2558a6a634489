import type { BundleFiles } from '@flux-srpo/runtime/bundle';
import type { AdapterReport, VerdictStore } from '@flux-srpo/runtime/device';

/** Where a client lives: a page, or a process of Node. */
export interface Home {
  /** @throws DeviceError where nothing can compute here */
  assertCanCompute(): void;
  /** @param url of its module; absent: the library's own */
  startWorker(url: string | undefined): Worker;
  /** What the machine offers. */
  probeAdapter(): Promise<AdapterReport>;
  /** Where adapters' verdicts are remembered. Absent: in IndexedDB. */
  verdicts?: VerdictStore;
  /** Bundles that no `fetch` reaches. @returns undefined where `url` is not such a one */
  openFiles?(url: string): BundleFiles | undefined;
}
