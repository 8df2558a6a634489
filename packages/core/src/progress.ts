import type { WireError } from './wire-error.ts';

/** What every event says of the whole call. */
interface Overall {
  /** Share of the call's work that is done, estimated: 0 … 1, never falling, 1 in the last. */
  fraction: number;
  /** What is happening, for people: "Denoising, step 3 of 28". */
  text: string;
}

/** One event of a call: load and encode, denoise, decode, check. Counts go up to their total. */
export type Progress = Overall &
  (
    | {
        stage: 'load';
        /** Bytes that are here. */
        loaded: number;
        total: number;
        /** Bytes that were here before. Only while files are fetched to be kept. */
        found?: number;
        /** Bytes a second, over the last seconds. Absent before the first chunk and at the end. */
        rate?: number;
        /** Absent where `rate` is. */
        secondsLeft?: number;
        /** What was read last. */
        part: string;
      }
    | {
        stage: 'encode';
        /** Text encoder layers and modulation parts that have run. */
        done: number;
        total: number;
      }
    | {
        stage: 'denoise';
        /** From 0. */
        step: number;
        steps: number;
        /** Blocks of this step that have run. */
        block: number;
        blocks: number;
        /** Noise level at the step's start. */
        sigma: number;
      }
    | {
        stage: 'decode';
        /** VAE graphs that have run. */
        done: number;
        total: number;
      }
    | {
        stage: 'check';
        /** Pictures that the safety checker has seen. */
        done: number;
        total: number;
      }
    | {
        /** Another tab draws on the GPU. One does at a time (`shareGpu`), so this call waits. */
        stage: 'wait';
      }
    | {
        /**
         * A new worker goes on after the last finished step, to the same pixels. It loads what it
         * needs, so counts of other stages start over. `fraction` does not.
         */
        stage: 'restart';
        reason: WireError;
        /** Steps that are finished and kept. */
        steps: number;
      }
  );
