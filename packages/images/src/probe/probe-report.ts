import type { ErrorCode, ImageSize, Manifest, MemoryPlan } from '@flux-srpo/core';
import type { AdapterReport } from '@flux-srpo/runtime/device';
import type { LocalBackend } from '../worker/protocol.ts';

/** What this machine offers, what the model needs, and what follows. */
export interface ProbeReport {
  /**
   * `ready`: runs on the GPU. `slow`: runs on the CPU, which was allowed. `unsupported`: does not
   * run here; `auto` goes to the server, if there is one.
   */
  verdict: 'ready' | 'slow' | 'unsupported';
  /** What a local run would take; `undefined` where there can be none. */
  backend?: LocalBackend;
  /** Why it is not `ready`, and what may still go wrong where it is. */
  reasons: { code: ErrorCode; message: string }[];
  /** Absent where the browser gives none. */
  adapter?: AdapterReport;
  /** What the browser lets this origin store, and what it does. Bytes. */
  storage?: { quota: number; usage: number };
  /** Gigabytes of main memory, as far as the browser tells (at most 8). */
  deviceMemory?: number;
  /** Not needed; said for reports. */
  isCrossOriginIsolated: boolean;
  /** From the manifest; absent where it could not be read. */
  model?: { model: string; name: string; licence: Manifest['licence'] };
  /** Bytes of all files of the bundle. */
  download?: number;
  /** What a picture of the model's default size is expected to take on the device. */
  memory?: MemoryPlan & { size: ImageSize; basis: MemoryBasis };
  /** All of it for people, several lines. */
  summary: string;
}

/**
 * What the memory plan rests on. `budget`: the caller's. `default`: 4 GiB, where nobody tries how
 * much the device gives. `remembered`: what it gave in an earlier session. `untried`: the device
 * gives what is needed, which the first `load` tries and corrects.
 */
export type MemoryBasis = 'budget' | 'default' | 'remembered' | 'untried';

/** The report without its words. */
export type Findings = Omit<ProbeReport, 'summary'>;
