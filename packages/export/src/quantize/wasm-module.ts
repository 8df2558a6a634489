import { KERNELS_WASM } from './kernels.wasm.ts';

export type BlockKernel = 'keepQ4_0' | 'widenQ4_0' | 'widenQ5_0' | 'keepQ8_0' | 'keepQ4_1' | 'keepQ4_K';

/** Takes over `count` blocks of a row from block `first` on; see assembly/ggml-blocks.ts. */
type KeepRow = (
  row: number,
  first: number,
  count: number,
  codes: number,
  scales: number,
  offsets: number,
  stride: number,
) => void;

/** What the files of packages/export/assembly export. */
export interface Kernels extends Record<BlockKernel, KeepRow> {
  readonly memory: WebAssembly.Memory;
  widenBf16(from: number, rows: number, count: number): void;
  widenF16(from: number, rows: number, count: number): void;
  largestBits(rows: number, blocks: number): number;
  q8(rows: number, blocks: number, halves: boolean, codes: number, scales: number): void;
  q4(rows: number, blocks: number, halves: boolean, codes: number, scales: number): void;
  q4m(
    rows: number,
    count: number,
    inFeatures: number,
    padded: number,
    unit: number,
    offsets: number,
    codes: number,
    scales: number,
  ): void;
}

/** Weights per call of a kernel: as many as fit in a core's cache together with their codes. */
export const SLICE: number = 2 ** 18;

const PAGE = 65536;

/** Where rows begin: the first page holds the module's own data. Results follow the rows. */
export const ROWS_AT: number = PAGE;

let instance: Kernels | undefined;

/** The module of this thread, made at the first call. */
export function kernels(): Kernels {
  if (instance === undefined) {
    const bytes = Uint8Array.from(atob(KERNELS_WASM), (char) => char.charCodeAt(0));
    instance = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Kernels;
  }
  return instance;
}

/** Makes the module's memory at least `bytes` long. Views of it made before are then empty. */
export function reserve({ memory }: Kernels, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
}
