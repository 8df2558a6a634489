import type { HalfGraphs } from '../ort/half-graphs.ts';
import type { Bundle } from './bundle.ts';

/** The graphs of a bundle that have a variant in half precision. Undefined where none has. */
export function halfGraphsOf({ manifest, graph }: Bundle): HalfGraphs | undefined {
  const { graphs, graphs_f16, files } = manifest;
  if (graphs_f16 === undefined) return undefined;
  const names = Object.keys(graphs_f16);
  const paths = new Set(names.flatMap((name) => [graphs[name], graphs_f16[name]]));
  const hashes = files.filter(({ path }) => paths.has(path)).map(({ sha256 }) => sha256);
  return { identity: hashes.join(' '), names, read: graph };
}
