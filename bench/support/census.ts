import { type Dispatch, graphDispatches } from './graph-dispatches.ts';

/** What a machine does at most: 10¹² operations and 10⁹ bytes a second. */
export interface Machine {
  teraflops: number;
  gigabytes: number;
}

/** A dispatch of one part. */
export interface Counted extends Dispatch {
  part: string;
  /** The longer of its operations and its bytes: a lower bound, in milliseconds. */
  ms: number;
}

export interface CensusSum {
  dispatches: number;
  teraflop: number;
  gigabytes: number;
  ms: number;
}

/** What runs at each step, but for the step cache. */
const STEP_GRAPHS = ['embed_image', 'double_block', 'join_streams', 'single_block', 'final_layer'];

/**
 * Every dispatch of one denoising step.
 *
 * @param parts of the model, in order
 * @param graphBytes a graph as the step runs it
 * @param sizes of the graphs' symbolic dimensions
 */
export async function stepCensus(
  parts: readonly { name: string; graph?: string | undefined }[],
  graphBytes: (graph: string) => Promise<Uint8Array> | Uint8Array,
  sizes: Readonly<Record<string, number>>,
  machine: Machine,
): Promise<Counted[]> {
  const byGraph = new Map<string | undefined, Dispatch[]>();
  for (const graph of STEP_GRAPHS) byGraph.set(graph, graphDispatches(await graphBytes(graph), sizes));
  return parts.flatMap(({ name, graph }) =>
    (byGraph.get(graph) ?? []).map((dispatch) => ({ ...dispatch, part: name, ms: leastMs(dispatch, machine) })),
  );
}

export function sumOf(group: readonly Counted[]): CensusSum {
  const sum = (pick: (each: Counted) => number): number => group.reduce((all, each) => all + pick(each), 0);
  return {
    dispatches: group.length,
    teraflop: sum(({ operations }) => operations) / 1e12,
    gigabytes: sum(({ read, written }) => read + written) / 1e9,
    ms: sum(({ ms }) => ms),
  };
}

/** By kernel, the one that needs longest first. */
export function sumByKernel(dispatches: readonly Counted[]): ({ kernel: string } & CensusSum)[] {
  const kernels = [...new Set(dispatches.map(({ kernel }) => kernel))];
  return kernels
    .map((kernel) => ({ kernel, ...sumOf(dispatches.filter((each) => each.kernel === kernel)) }))
    .sort((a, b) => b.ms - a.ms);
}

function leastMs({ operations, read, written }: Dispatch, { teraflops, gigabytes }: Machine): number {
  return Math.max(operations / (teraflops * 1e9), (read + written) / (gigabytes * 1e6));
}
