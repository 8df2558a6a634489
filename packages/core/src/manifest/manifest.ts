import type { SizePreset } from '../limits.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ImageSize } from '../picture/geometry.ts';
import type { WeightClass } from './weight-class.ts';

/**
 * `manifest.json`: all that a bundle says of itself. `export` writes it, `runtime` reads it.
 * @see ../../../ARCHITECTURE.md "A bundle"
 */

export const MANIFEST_SCHEMA = 1;

/** Bytes per hashed chunk: cheap to fetch again, and hashes of 10 GB take only 40 KB. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

/** The number type that linear layers and attention compute in. */
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

/** A graph with weights of its own, or a table of which rows are read. */
export interface BundlePart {
  /** One of the parts of `modelParts`: `double_block.3`, `t5_layer.0`, `vae_out`, … */
  name: string;
  /** Key into `graphs`. Absent for tables. */
  graph?: string;
  /** Path of the safetensors file. Absent where the graph holds the weights, or there are none. */
  weights?: string;
}

/** A picture classifier in Hugging Face's format, and when its answer withholds a picture. */
export interface SafetyChecker {
  /** Holds `SAFETY_CHECKER_FILES`. */
  folder: string;
  /** Labels of the classifier that a picture must not have. */
  flagged: string[];
  /** A picture is withheld where the flagged labels together reach this probability, 0 … 1. */
  threshold: number;
  /** What it looks for, for people to read. */
  notice: string;
}

/** A classifier's files: transformers' two configs, and ONNX with its weights inside. */
export const SAFETY_CHECKER_FILES = ['config.json', 'preprocessor_config.json', 'model.onnx'] as const;

/** A LoRA that was added to the weights before they were stored. */
export interface MergedLora {
  /** The file's name. */
  name: string;
  /** Lower-case hex SHA-256 of the file. */
  sha256: string;
  strength: number;
}

/** A tensor that is stored in another class than the recipe asks for. */
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
  /** What the bundle was made from, by part: file names, revisions, never a machine path. */
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
  /** First-block-cache thresholds for this model. Absent: those published for FLUX.1 [dev]. */
  step_cache?: { regular: number; high: number };
  /** Latent → RGB for previews, fitted to this VAE: [C][3] and bias [3]. Absent: FLUX.1's. */
  preview?: { rows: [number, number, number][]; bias: [number, number, number] };
  /** Absent: pictures cannot be checked, and a request for it is an error. */
  safety_checker?: SafetyChecker;
  /** The weights are random numbers, drawn from this seed. Absent: they are a model's. */
  synthetic?: { seed: number };
  quantization: {
    /** What was asked for, by tensor class. */
    recipe: Record<string, WeightClass>;
    fallbacks: QuantizationFallback[];
  };
  /** Graph name → path. */
  graphs: Record<string, string>;
  /** `graphs` in half precision, for `shader-f16`, with the same weights. Absent: none. */
  graphs_f16?: Record<string, string>;
  parts: BundlePart[];
  chunk_bytes: number;
  files: BundleFile[];
}
