import type { FluxError } from '@flux-srpo/core';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import type { Dtype, TensorWriter } from './backend.ts';
import type { Packing } from './packed-model.ts';

/** The two exports of an onnxruntime package that a stage uses. */
export interface OrtModule {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
}

/** A tensor in a `Memory`, and how to give it back. */
export interface Allocation {
  readonly tensor: Tensor;
  free(): void;
}

/** What differs between providers: where a stage's tensors live and what can go wrong there. */
export interface Memory {
  readonly sessionOptions: InferenceSession.SessionOptions;
  /** True where a failed run leaves the runtime unusable. */
  readonly isBrokenByFailure: boolean;
  /** Absent where kernels gain nothing by constant weights. */
  readonly packing?: Packing | undefined;
  upload(dtype: Dtype, dims: readonly number[], fill: (write: TensorWriter) => Promise<void>): Promise<Allocation>;
  /** Bytes of an output for the ledger; 0 where its buffers are counted themselves. */
  outputBytes(bytes: number): number;
  read(tensor: Tensor): Promise<Float32Array>;
  /** Throws if what ran until now cannot be trusted. */
  assertAlive(): void;
  /** The typed error behind a failure of the runtime, if this memory knows it. */
  explain(): Promise<FluxError | undefined>;
  close(): Promise<void>;
}
