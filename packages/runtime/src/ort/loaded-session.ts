import { InferenceError } from '@flux-srpo/core';
import type { InferenceSession } from 'onnxruntime-common';
import type { Session, SessionInput } from './backend.ts';
import type { Mutex } from './mutex.ts';

/** A session of the runtime, and what it takes and gives. */
export class LoadedSession implements Session {
  readonly graph: string;
  readonly inputs: readonly SessionInput[];
  readonly outputs: readonly string[];
  #session: InferenceSession | undefined;
  readonly #onRelease: () => void;

  constructor(graph: string, session: InferenceSession, onRelease: () => void) {
    this.graph = graph;
    this.#session = session;
    this.#onRelease = onRelease;
    this.inputs = session.inputMetadata.map((input) =>
      input.isTensor
        ? { name: input.name, dtype: input.type, dims: input.shape }
        : { name: input.name, dtype: '?', dims: [] },
    );
    this.outputs = session.outputNames;
  }

  get session(): InferenceSession {
    if (this.#session === undefined)
      throw new Error(`the session of graph "${this.graph}" was released: ask the stage again`);
    return this.#session;
  }

  /** To be called by the holder of the mutex. */
  async release(mutex: Mutex): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    this.#onRelease();
    if (!mutex.isPoisoned) await session.release();
  }
}

/** Checked before the runtime sees them: on some builds a wrong name costs the whole worker. */
export function assertNames(session: Session, feeds: Readonly<Record<string, unknown>>): void {
  const expected = session.inputs.map(({ name }) => name);
  const got = Object.keys(feeds);
  const missing = expected.filter((name) => !Object.hasOwn(feeds, name));
  const unexpected = got.filter((name) => !expected.includes(name));
  if (missing.length === 0 && unexpected.length === 0) return;
  throw new InferenceError(`graph "${session.graph}" expects inputs [${expected}], got [${got}]`, {
    code: 'inference/run',
    details: { graph: session.graph, missing, unexpected },
  });
}
