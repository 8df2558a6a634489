import type { Backend, LedgerSnapshot, Stage } from '@flux-srpo/runtime';

/**
 * Where an armed backend fails: at the run with this number, counted from the moment it is armed.
 */
export interface Fault {
  runsLeft: number;
  /** Runs since the last reset. */
  runs: number;
}

/** The real backend; one run of it fails when armed. */
export function breakable(backend: Backend, fault: Fault): Backend {
  const wrap = (stage: Stage): Stage => ({
    label: stage.label,
    session: (graph, bytes) => stage.session(graph, bytes),
    pack: stage.pack && ((graph, bytes, weights) => stage.pack!(graph, bytes, weights)),
    upload: (dtype, dims, fill) => stage.upload(dtype, dims, fill),
    read: (tensor) => stage.read(tensor),
    close: () => stage.close(),
    run(session, feeds) {
      fault.runs++;
      if (--fault.runsLeft === 0) return Promise.reject(new Error('planted failure'));
      return stage.run(session, feeds);
    },
  });
  return {
    name: backend.name,
    ledger: backend.ledger,
    info: backend.info,
    openStage: async (label) => wrap(await backend.openStage(label)),
    dispose: () => backend.dispose(),
  };
}

/** The part of a snapshot that must return to its old values. Peaks never do. */
export function held({ devices, sessions, tensors, buffers, bytes, weightBytes }: LedgerSnapshot) {
  return { devices, sessions, tensors, buffers, bytes, weightBytes };
}
