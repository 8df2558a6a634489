import type { Manifest, WeightClass } from '@flux-srpo/core';
import type { BundleInfo } from '../bundle/bundle-info.ts';
import type { UnusedTensor } from '../key-maps/binding.ts';
import type { LoraSource } from '../lora/open-loras.ts';
import type { RowQuantizer } from '../quantize/row-quantizer.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import type { ClassMap } from '../weight-classes/class-map.ts';
import type { ConvertProgress } from './convert-progress.ts';

export interface ConvertOptions {
  dtype: WeightClass;
  /** Replaces single classes of the map that `dtype` names. */
  classMap?: Partial<ClassMap>;
  /** What is left out is FLUX.1 SRPO's, or unknown where the transformer has no guidance. */
  info?: Partial<BundleInfo>;
  /**
   * Puts each part's weights into a graph of its own: faster on native CPUs, impossible to stream.
   * @default false
   */
  bake?: boolean;
  /** Merged into the weights, in this order, before they are quantized. */
  loras?: readonly LoraSource[];
  /** The folder of an image classifier, for `enable_safety_checker`. */
  safetyChecker?: SourceFolder | undefined;
  /**
   * What quantizes. Every quantizer gives the same bytes. Whoever made it closes it.
   * @default this thread
   */
  quantizer?: RowQuantizer;
  signal?: AbortSignal;
  onProgress?: (progress: ConvertProgress) => void;
  /** What is assumed of the source, and what becomes of an interrupted conversion's work. */
  onNotice?: (notice: ConvertNotice) => void;
}

export type ConvertNotice =
  /** A recipe's source could not be opened, for this reason; a later one is taken. */
  | { type: 'other-source'; reason: string; taken: string }
  /** The source does not say this of itself. The manifest's `source.assumed` has it too. */
  | { type: 'assumed'; what: string }
  /** Tensors of a LoRA are not merged, for this reason. */
  | { type: 'left-out'; what: string }
  /** This conversion goes on where an interrupted one stopped. */
  | { type: 'continued' }
  /** The work of an interrupted conversion was removed, for this reason. */
  | { type: 'started-over'; reason: string }
  /** Interrupted. The next conversion of this source, options and destination goes on. */
  | { type: 'suspended' };

export interface ConvertSummary {
  manifest: Manifest;
  /** The bundle's identity: SHA-256 of `manifest.json`. */
  identity: string;
  /** Bytes of all files, the manifest included. */
  bytes: number;
  /** Tensors of the source that a picture does not need. */
  unused: readonly UnusedTensor[];
}
