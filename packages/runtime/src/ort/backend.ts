import type { Precision } from '@flux-srpo/core';
import type { AdapterReport } from './adapter.ts';
import type { Ledger } from './ledger.ts';
import type { SelfTestVerdict, VerdictStore } from './self-test-verdict.ts';
import type { ShaderFix } from './shader-fix.ts';

/**
 * The seam to ONNX Runtime: three providers behind four nouns. A *backend* is one runtime in this
 * process, a *stage* one phase of a generation with everything it allocates, a *session* one loaded
 * graph, a *tensor* data where the kernels want it. Everything above this folder is written against
 * these types and never imports onnxruntime.
 */

export type Dtype = 'float32' | 'float16' | 'uint8' | 'int64';

export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = { float32: 4, float16: 2, uint8: 1, int64: 8 };

/** Data in JavaScript's memory, row-major, `dims` outermost first. */
export interface HostTensor {
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly data: Float32Array | Uint16Array | Uint8Array | BigInt64Array;
}

/**
 * A tensor where the kernels want it: a GPU buffer (WebGPU) or runtime memory (wasm, node). Owned
 * by its stage until disposed.
 */
export interface DeviceTensor {
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  /** Bytes of the values, without padding. */
  readonly bytes: number;
  readonly onDevice: true;
  /** Frees the memory. Idempotent. While a run is in flight the memory goes when that run ends. */
  dispose(): void;
}

/** What a graph says of one of its inputs. Symbolic dimensions are strings. */
export interface SessionInput {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly (number | string)[];
}

/** One loaded graph. Lives as long as its stage. */
export interface Session {
  readonly graph: string;
  readonly inputs: readonly SessionInput[];
  readonly outputs: readonly string[];
}

/** A session of one part, with its weights inside. */
export interface PackedSession extends Session {
  /** About what it takes: its weights' bytes, `packing` times. */
  readonly bytes: number;
  /** Frees it. Idempotent. While a run is in flight it goes when that run ends. */
  dispose(): void;
}

/** Writes `bytes` to `byteOffset` of the tensor. The view may be reused afterwards. */
export type TensorWriter = (byteOffset: number, bytes: Uint8Array) => void;

/**
 * One phase (text, denoise, decode). On WebGPU each has a `GPUDevice` of its own, so that its
 * memory really goes when it closes.
 */
export interface Stage {
  readonly label: string;
  /** Loads a graph, once per name; `bytes` is called only the first time. */
  session(graph: string, bytes: () => Promise<Uint8Array>): Promise<Session>;
  /**
   * Loads a graph with these weights inside, which runs faster than one that is fed them. Absent
   * where nothing is gained.
   *
   * @param weights by input. They are copied and may be disposed afterwards
   */
  readonly pack?:
    | ((
        graph: string,
        bytes: () => Promise<Uint8Array>,
        weights: Readonly<Record<string, DeviceTensor>>,
      ) => Promise<PackedSession>)
    | undefined;
  /**
   * Allocates a tensor and lets `fill` stream its bytes straight into it (little-endian, in order
   * or not). Offsets are multiples of 4, and so is the length of every piece but the one that ends
   * the tensor.
   */
  upload(dtype: Dtype, dims: readonly number[], fill: (write: TensorWriter) => Promise<void>): Promise<DeviceTensor>;
  /**
   * Every output stays on the device and is the caller's to dispose.
   *
   * @param signal is asked when the run's turn has come: once it has aborted, nothing starts
   */
  run(
    session: Session,
    feeds: Readonly<Record<string, HostTensor | DeviceTensor>>,
    signal?: AbortSignal,
  ): Promise<Record<string, DeviceTensor>>;
  /** Copies a float32 tensor to the host. Throws `device/lost` if the device was lost by then. */
  read(tensor: DeviceTensor): Promise<Float32Array>;
  /** Releases sessions, then buffers, then the device. Idempotent; waits for what is in flight. */
  close(): Promise<void>;
}

export interface BackendInfo {
  /** Which variant of a graph runs here, where a bundle has both. */
  readonly precision: Precision;
  /** Version of onnxruntime. */
  readonly runtimeVersion: string;
  /** Which WebAssembly build runs the WebGPU provider. */
  readonly build?: 'jspi' | 'asyncify';
  readonly adapter?: AdapterReport;
  /** What shaders are given before this adapter's driver or browser sees them. Absent: nothing. */
  readonly shaderFix?: ShaderFix;
  /** Where stages `pack`: how many times the bytes of its weights a packed session takes. */
  readonly packing?: number;
  /** Absent where no self-test is needed (CPU providers) or where it was switched off. */
  readonly selfTest?: SelfTestVerdict;
}

/** What a backend asks and tells whoever made it. */
export interface BackendHooks {
  /** Awaited before every run. A worker hears messages here: a run ends in microtasks. */
  beforeRun?: (() => Promise<void>) | undefined;
  /** Called when a graph was loaded, a tensor uploaded or read, or a run is over, well or not. */
  onFinished?: (() => void) | undefined;
}

/** Trying how much memory the device gives, and remembering it. */
export interface MemoryTrials {
  readonly store: VerdictStore;
  /** Makes these buffers one after another, and gives all back. @returns bytes that were made */
  run(pieces: readonly number[]): Promise<number>;
}

export interface Backend {
  readonly name: 'webgpu' | 'wasm' | 'node';
  /** Counts everything this backend has allocated and not yet freed. */
  readonly ledger: Ledger;
  readonly info: BackendInfo;
  /** Absent where nobody should try how much memory the device gives. */
  readonly memoryTrials?: MemoryTrials;
  /** @param on `cpu` computes on the CPU whatever the backend's own device is */
  openStage(label: string, on?: 'cpu'): Promise<Stage>;
  /** Closes every open stage. Idempotent. */
  dispose(): Promise<void>;
}
