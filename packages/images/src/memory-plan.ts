import { DeviceError, type ImageSize, type Manifest, tokenCount } from '@flux-srpo/core';
import type { AdapterReport } from '@flux-srpo/runtime';

/** What a picture will take, from the manifest alone. Bytes. */
export interface MemoryPlan {
  /** All files of the bundle. */
  download: number;
  /** Weights and work buffers on the device, by phase. */
  phases: Record<Phase, { weights: number; work: number }>;
  /** The most at once, if nothing is kept between phases. */
  peak: number;
  /** The largest single buffer, which the adapter's limits must allow. */
  largestBuffer: number;
}

type Phase = 'text' | 'denoise' | 'decode';

const FLOAT = 4;

/**
 * Work buffers of a transformer block, in units of its hidden state.
 * Measured: a FLUX.1 double block (hidden 3072) at 384 tokens takes 95 MB in onnxruntime-web 1.30, 20 states of 4.7 MB.
 */
const WORK_STATES = 20;

/** A convolution holds what it reads, what it writes, and what the shortcut beside it kept. */
const CONVOLUTION_STATES = 3;

export function planMemory(manifest: Manifest, size: ImageSize): MemoryPlan {
  const { transformer, text_encoder_2, vae } = manifest.config;
  const fileSizes = new Map(manifest.files.map(({ path, size }) => [path, size]));
  // F16 on disk is float32 on the device, unless a bundle has other linear layers than that.
  const widening = Object.values(manifest.quantization.recipe).includes('f16') ? 2 : 1;
  const weights: Record<Phase, number> = { text: 0, denoise: 0, decode: 0 };
  for (const { graph, weights: path } of manifest.parts) {
    const phase = graph === undefined ? undefined : phaseOf(graph);
    if (phase !== undefined && path !== undefined) weights[phase] += (fileSizes.get(path) ?? 0) * widening;
  }
  const hidden = transformer.attention_head_dim * transformer.num_attention_heads;
  const textLength = manifest.tokenizers.tokenizer_2.max_length;
  const tokens = textLength + tokenCount(size);
  const picture = widestDecoderState(vae.block_out_channels, size);
  const phases = {
    text: { weights: weights.text, work: WORK_STATES * textLength * text_encoder_2.d_model * FLOAT },
    denoise: { weights: weights.denoise, work: WORK_STATES * tokens * hidden * FLOAT },
    decode: { weights: weights.decode, work: CONVOLUTION_STATES * picture },
  };
  return {
    download: manifest.files.reduce((sum, file) => sum + file.size, 0),
    phases,
    peak: Math.max(...Object.values(phases).map((phase) => phase.weights + phase.work)),
    largestBuffer: picture,
  };
}

/** Least limits a device needs for the model's smallest preset, by WebGPU name. */
export function requiredLimits(manifest: Manifest): Record<string, number> {
  const sizes = Object.values(manifest.sizes);
  const smallest = Math.min(...sizes.map((size) => planMemory(manifest, size).largestBuffer));
  return { maxBufferSize: smallest, maxStorageBufferBindingSize: smallest };
}

/** Throws `device/limit-too-small` for a picture whose decoder needs a buffer that the adapter cannot bind. */
export function assertFits(manifest: Manifest, size: ImageSize, adapter: AdapterReport | undefined): void {
  if (adapter === undefined) return;
  const { largestBuffer } = planMemory(manifest, size);
  for (const limit of ['maxBufferSize', 'maxStorageBufferBindingSize']) {
    const offered = adapter.limits[limit] ?? Number.POSITIVE_INFINITY;
    if (offered >= largestBuffer) continue;
    throw new DeviceError(
      `a picture of ${size.width}x${size.height} needs ${limit} of ${largestBuffer}, this GPU offers ${offered}; ask for a smaller one`,
      { code: 'device/limit-too-small', details: { limit, needed: largestBuffer, offered, size } },
    );
  }
}

function phaseOf(graph: string): Phase {
  if (/^(t5|clip)_/.test(graph)) return 'text';
  return graph.startsWith('vae_') ? 'decode' : 'denoise';
}

/**
 * Bytes of the decoder's largest state: what one level hands to the next, upsampled, or the last level's own.
 *
 * @param channels encoder order; the decoder runs it backwards and doubles each side but at the last level
 */
function widestDecoderState(channels: readonly number[], { width, height }: ImageSize): number {
  const [last = 0, handed = last] = channels;
  return Math.max(last, handed) * width * height * FLOAT;
}
