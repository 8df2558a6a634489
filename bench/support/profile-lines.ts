import { type ImageSize, type Precision, tokenCount } from '@flux-srpo/core';
import type { Bundle } from '@flux-srpo/runtime';
import { type Machine, stepCensus, sumByKernel, sumOf } from './census.ts';
import type { KernelTime } from './kernel-profile.ts';

/** What the kernels of one kind took in a step, beside what the census says that they need. */
export interface ProfileLine {
  what: 'kernel' | 'kernels';
  kernel?: string;
  /** The runtime's programs that do its work. */
  programs?: readonly string[];
  dispatches: number;
  /** Of the census. */
  expectedDispatches: number;
  ms: number;
  share: number;
  leastMs: number;
  /** Reached: the census' operations and bytes in that time. */
  teraflops: number;
  gigabytesPerSecond: number;
}

/**
 * Sums the times of a step by kernel of the census.
 *
 * @param times of one whole step
 * @returns the sum of all, then the kernel that took longest first
 */
export async function profileLines(
  bundle: Bundle,
  times: readonly KernelTime[],
  about: { size: ImageSize; textTokens: number; precision: Precision; machine: Machine },
): Promise<ProfileLine[]> {
  const { size, textTokens, precision, machine } = about;
  const imageTokens = tokenCount(size);
  const dispatches = await stepCensus(
    bundle.manifest.parts,
    (graph) => bundle.graph(graph, precision),
    { S_img: imageTokens, S_txt: textTokens, S: imageTokens + textTokens },
    machine,
  );
  const needs = new Map(sumByKernel(dispatches).map((sum) => [sum.kernel, sum]));
  const nothing = { dispatches: 0, teraflop: 0, gigabytes: 0, ms: 0 };
  const total = sum(times, ({ ms }) => ms);
  const line = (group: readonly KernelTime[], need = nothing): Omit<ProfileLine, 'what'> => {
    const ms = sum(group, (each) => each.ms);
    return {
      dispatches: sum(group, (each) => each.dispatches),
      expectedDispatches: need.dispatches,
      ms,
      share: ms / total,
      leastMs: need.ms,
      teraflops: (1000 * need.teraflop) / ms,
      gigabytesPerSecond: (1000 * need.gigabytes) / ms,
    };
  };
  const kernels = [...new Set(times.map(({ kernel }) => censusName(kernel)))];
  const lines = kernels.map((kernel): ProfileLine => {
    const group = times.filter((each) => censusName(each.kernel) === kernel);
    const programs = group.map((each) => each.kernel);
    return { what: 'kernel', kernel, programs, ...line(group, needs.get(kernel)) };
  });
  return [{ what: 'kernels', ...line(times, sumOf(dispatches)) }, ...lines.sort((a, b) => b.ms - a.ms)];
}

/** The census has one name for each of the runtime's ways to do the same work. */
function censusName(program: string): string {
  if (/MatMulNBits|SubgroupMatrixMatMul|DP4AMatMul/.test(program)) return 'MatMulNBitsWideTile';
  if (program.startsWith('FlashAttention')) return 'FlashAttention';
  return program;
}

function sum(group: readonly KernelTime[], pick: (each: KernelTime) => number): number {
  return group.reduce((all, each) => all + pick(each), 0);
}
