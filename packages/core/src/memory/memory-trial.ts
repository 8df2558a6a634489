import type { Manifest } from '../manifest/manifest.ts';
import { DEFAULT_MEMORY_BUDGET } from './budget.ts';
import { partSizes } from './part-sizes.ts';
import { type Means, mayUseHalves, planPicture } from './picture-plan.ts';

/*
 * A browser does not tell how much memory a GPU has. Where it is worth it, and where asking is not
 * known to end badly, the buffers that a resident model needs are made one after another, until
 * one is refused.
 */

/** Work buffers are asked for in pieces of this size. */
const WORK_PIECE = 512 * 1024 * 1024;

/** Of what could be made before a refusal, how much to plan for. The rest is for other programs. */
const SHARE = 0.85;

/** Gigabytes, as `navigator.deviceMemory` tells: browsers say 8 for anything above. */
const LEAST_DEVICE_MEMORY = 8;

/** What is to be tried, in bytes. */
export interface MemoryTrial {
  /** One per part, then the work buffers in pieces. */
  pieces: readonly number[];
  /** What they are together: a plan for this much keeps everything. */
  wanted: number;
}

/** @returns undefined where everything fits into what is planned for without a trial */
export function memoryTrial(manifest: Manifest, means: Omit<Means, 'memoryBudget'>): MemoryTrial | undefined {
  const size = manifest.sizes[manifest.defaults.size];
  const { keep, peak } = planPicture(manifest, size, { ...means, memoryTarget: Number.POSITIVE_INFINITY });
  if (!keep || peak <= DEFAULT_MEMORY_BUDGET) return undefined;
  const parts = partSizes(manifest, mayUseHalves(means)).map(({ bytes }) => Math.ceil(bytes / 4) * 4);
  const pieces = [...parts];
  for (let work = peak - parts.reduce((sum, bytes) => sum + bytes, 0); work > 0; work -= WORK_PIECE) {
    pieces.push(Math.ceil(Math.min(WORK_PIECE, work) / 4) * 4);
  }
  return { pieces, wanted: peak };
}

/**
 * Bytes to plan for after a trial.
 *
 * @param made bytes that could be made before the first refusal
 */
export function triedTarget({ pieces, wanted }: MemoryTrial, made: number): number {
  if (made >= pieces.reduce((sum, bytes) => sum + bytes, 0)) return wanted;
  return made > 0 ? Math.floor(SHARE * made) : DEFAULT_MEMORY_BUDGET;
}

/**
 * Whether an adapter may be asked for as much as it gives. A software adapter takes the machine's
 * own memory. A phone ends the page that takes too much, and only Chromium tells a machine's
 * memory. Elsewhere desktops are tried, but not Safari, which looks the same on a Mac and an iPad.
 *
 * @param machine `navigator`, of a page, a worker, Node or Deno
 */
export function mayTryMemory(
  { isFallback, architecture }: { isFallback: boolean; architecture: string },
  machine: { deviceMemory?: number; userAgent?: string } | undefined,
): boolean {
  if (isFallback || architecture === 'software') return false;
  const { deviceMemory, userAgent = '' } = machine ?? {};
  if (deviceMemory !== undefined) return deviceMemory >= LEAST_DEVICE_MEMORY;
  return !/AppleWebKit|Mobile|Android/.test(userAgent);
}

/** All that browsers say of which adapter it is. */
export interface AdapterNames {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

/** Tells one adapter from another, as far as its names do. */
export function adapterIdentity({ vendor, architecture, device, description }: AdapterNames): string[] {
  return [vendor, architecture, device, description];
}

/** Where a target is remembered: per adapter, bundle and precision. */
export function memoryKey(adapter: AdapterNames, bundle: string, precision: string): string {
  return `flux-srpo memory 1 ${JSON.stringify([...adapterIdentity(adapter), bundle, precision])}`;
}
