/** What a run is doing, in order: load and encode, denoise, decode. Counts go from 0 to their total. */
export type Progress =
  /** Bytes of `part` read so far. */
  | { stage: 'load'; loaded: number; total: number; part: string }
  /** Text encoder layers done. */
  | { stage: 'encode'; done: number; total: number }
  /** `block` of `blocks` done in `step` (from 0) of `steps`; `sigma` is the noise level at the step's start. */
  | { stage: 'denoise'; step: number; steps: number; block: number; blocks: number; sigma: number }
  /** VAE graphs done. */
  | { stage: 'decode'; done: number; total: number };
