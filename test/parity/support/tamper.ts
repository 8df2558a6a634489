import * as onnx from '@flux-srpo/formats/onnx';
import type { Backend, DeviceTensor, HostTensor, Session, Stage } from '@flux-srpo/runtime';
import type { Tensors } from '../../support/synthesize.ts';

export type Feeds = Readonly<Record<string, HostTensor | DeviceTensor>>;
type Outputs = Promise<Record<string, DeviceTensor>>;

export interface BackendHooks {
  /** Changes a graph in place before it is loaded. */
  graph?: (name: string, graph: onnx.GraphProto) => void;
  /** Replaces a run; `run` is the real one. */
  run?: (session: Session, feeds: Feeds, run: (feeds: Feeds) => Outputs, stage: Stage) => Outputs;
}

/** A real backend with hooks, for planting errors and for running the same graphs another way. */
export function hookBackend(backend: Backend, { graph, run }: BackendHooks): Backend {
  const hookStage = (stage: Stage): Stage => ({
    label: stage.label,
    session: (name, bytes) =>
      stage.session(name, async () => {
        const model = onnx.decodeModel(await bytes());
        graph?.(name, model.graph);
        return onnx.encodeModel(model);
      }),
    upload: (...args) => stage.upload(...args),
    run: (session, feeds) =>
      run ? run(session, feeds, (own) => stage.run(session, own), stage) : stage.run(session, feeds),
    read: (tensor) => stage.read(tensor),
    close: () => stage.close(),
  });
  return {
    name: backend.name,
    ledger: backend.ledger,
    info: backend.info,
    openStage: async (label) => hookStage(await backend.openStage(label)),
    dispose: () => backend.dispose(),
  };
}

/**
 * Gives attribute `name` of every `opType` node of the graph another value. At least one node must
 * have it.
 */
export function setAttribute(graph: onnx.GraphProto, opType: string, name: string, value: bigint | string): void {
  const attributes = graph.node
    .filter((node) => node.opType === opType)
    .flatMap((node) => node.attribute.filter((attribute) => attribute.name === name));
  if (attributes.length === 0) throw new Error(`no ${opType} with ${name} in ${graph.name}`);
  for (const attribute of attributes) {
    if (typeof value === 'bigint') attribute.i = value;
    else attribute.s = new TextEncoder().encode(value);
  }
}

/** Swaps two tensors of one shape. */
export function swapTensors(tensors: Tensors, a: string, b: string): void {
  const [first, second] = [tensors.get(a)!, tensors.get(b)!];
  tensors.set(a, second);
  tensors.set(b, first);
}

/** Swaps block `a` and block `b` of a tensor whose rows are `blocks` equal blocks. */
export function swapRowBlocks(tensors: Tensors, name: string, blocks: number, a: number, b: number): void {
  const { data } = tensors.get(name)!;
  const length = data.length / blocks;
  const kept = data.slice(a * length, (a + 1) * length);
  data.copyWithin(a * length, b * length, (b + 1) * length);
  data.set(kept, b * length);
}

/**
 * Reorders the columns of a [rows, columns] tensor: column `i` becomes the old column `from(i)`.
 */
export function reorderColumns(tensors: Tensors, name: string, from: (column: number) => number): void {
  const { shape, data } = tensors.get(name)!;
  const columns = shape[1]!;
  const old = data.slice();
  for (let i = 0; i < data.length; i++) data[i] = old[i - (i % columns) + from(i % columns)]!;
}
