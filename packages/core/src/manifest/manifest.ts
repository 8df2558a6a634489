import type { SizePreset } from '../limits.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ImageSize } from '../picture/geometry.ts';
import type { WeightClass } from './weight-class.ts';

/**
 * `manifest.json`: what a bundle is, and the only thing `export` and `runtime` agree on besides the graphs.
 *
 * @see ../../../ARCHITECTURE.md "A bundle"
 */

export const MANIFEST_SCHEMA = 1;

/** Bytes per hashed chunk: small enough to refetch one, large enough that 10 GB needs only 40 KB of hashes. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

/** What the linear layers and the attention compute in. */
export type Precision = 'f32' | 'f16';

/** One file of the bundle. Paths are one or two segments of `[A-Za-z0-9._-]{1,128}`. */
export interface BundleFile {
  path: string;
  size: number;
  /** Lower-case hex SHA-256 of the whole file. */
  sha256: string;
  /** Lower-case hex SHA-256 of each `chunk_bytes` piece, in order. */
  chunks: string[];
}

/** One instance of a graph: a block with its weights. */
export interface BundlePart {
  /** `double_block.3`, `t5_layer.0`, `vae_out`, … */
  name: string;
  /** Key into `graphs`; absent for tables that are only read by row (`t5_embedding`, `clip_embedding`). */
  graph?: string;
  /** Path of the safetensors file; absent when the weights are baked into the graph or there are none. */
  weights?: string;
}

/** A classifier of pictures, as Hugging Face publishes them, and what is to be done with its answer. */
export interface SafetyChecker {
  /** Holds `SAFETY_CHECKER_FILES`. */
  folder: string;
  /** Labels of the classifier, of which a picture must not have one. */
  flagged: string[];
  /** A picture is withheld from this probability of all flagged labels together on. 0 … 1. */
  threshold: number;
  /** What it looks for, in words for people. */
  notice: string;
}

/** What a classifier is loaded from: transformers' two configs and an ONNX file with its weights inside. */
export const SAFETY_CHECKER_FILES = ['config.json', 'preprocessor_config.json', 'model.onnx'] as const;

/** A LoRA that was added to the weights before they were stored. */
export interface MergedLora {
  /** The file's name. */
  name: string;
  /** Lower-case hex SHA-256 of the file. */
  sha256: string;
  strength: number;
}

/** Where a recipe could not be followed. */
export interface QuantizationFallback {
  /** `part/tensor` */
  tensor: string;
  asked: WeightClass;
  used: WeightClass;
  reason: string;
}

export interface Manifest {
  schema: typeof MANIFEST_SCHEMA;
  /** The `model` field of a request. */
  model: string;
  /** Human name, one line. */
  name: string;
  licence: { id: string; url?: string; notice?: string };
  /** What the bundle was made from, free text per part (file names, revisions). Never a machine path. */
  source: Record<string, string>;
  /** In the order they were merged in. Absent: none. */
  loras?: MergedLora[];
  config: ModelConfig;
  tokenizers: {
    /** CLIP. */
    tokenizer: { folder: string; max_length: number };
    /** T5; `max_length` is the default `max_sequence_length`. */
    tokenizer_2: { folder: string; max_length: number };
  };
  sizes: Record<SizePreset, ImageSize>;
  defaults: { size: SizePreset; num_inference_steps: number; guidance_scale: number };
  examples?: string[];
  /** First-block-cache thresholds calibrated for this model; absent: those published for FLUX.1 [dev]. */
  step_cache?: { regular: number; high: number };
  /** Linear latent → RGB factors for previews, fitted to this model's VAE: [C][3] and the bias [3]. Absent: FLUX.1's own. */
  preview?: { rows: [number, number, number][]; bias: [number, number, number] };
  /** Absent: pictures cannot be checked, and a request for it is an error. */
  safety_checker?: SafetyChecker;
  /** The weights are random numbers of this seed, which whoever knows the shape can make again. Absent: they are a model's. */
  synthetic?: { seed: number };
  quantization: {
    /** What was asked for, by tensor class. */
    recipe: Record<string, WeightClass>;
    fallbacks: QuantizationFallback[];
  };
  /** Graph name → path. */
  graphs: Record<string, string>;
  /** Variants of some of `graphs` in half precision, for adapters with `shader-f16`; same weights on disk. Absent: there are none. */
  graphs_f16?: Record<string, string>;
  parts: BundlePart[];
  chunk_bytes: number;
  files: BundleFile[];
}
