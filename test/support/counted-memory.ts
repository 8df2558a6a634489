import type { PlanPhase } from '@flux-srpo/core';
import type { Backend, GenerateRequest, LedgerSnapshot, Pipeline, Stage } from '@flux-srpo/runtime';

/*
 * Counts what a generation of full size allocates on the GPU, without computing it. Dispatches and
 * large uploads do nothing, while every buffer is created, bound, pooled and destroyed as in a real
 * run. Results are made up where the pipeline would refuse zeros.
 */

/** Bytes. Smaller uploads are really made: the runtime's own constants decide what it allocates. */
const LARGE_UPLOAD_BYTES = 64 * 1024;

/** Milliseconds: the longest pause between two uploads of one part. */
const UPLOAD_GAP_MS = 20;

/** Live work buffers by size: the runtime's, not the uploaded weights. */
const liveBuffers = new Map<number, number>();
let liveBytes = 0;
let peak = { bytes: 0, sizes: [] as [bytes: number, count: number][] };

/** Notes the work buffers at their peak, in this realm, permanently. */
export function watchBuffers(): void {
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  const sizes = new WeakMap<GPUBuffer, number>();
  const change = (bytes: number, count: 1 | -1): void => {
    liveBuffers.set(bytes, (liveBuffers.get(bytes) ?? 0) + count);
    liveBytes += count * bytes;
    if (liveBytes > peak.bytes) peak = { bytes: liveBytes, sizes: [...liveBuffers].filter(([, many]) => many > 0) };
  };
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    if (descriptor.label?.startsWith('upload')) return buffer;
    sizes.set(buffer, descriptor.size);
    change(descriptor.size, 1);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    const size = sizes.get(this);
    if (size !== undefined && sizes.delete(this)) change(size, -1);
    return destroy.call(this);
  };
}

/** Gives them as `3×33554432 …`, largest first, and starts again. */
export function peakBuffers(): string {
  const text = peak.sizes
    .sort(([a], [b]) => b - a)
    .map(([bytes, count]) => `${count}×${bytes}`)
    .join(' ');
  peak = { bytes: 0, sizes: [] };
  return text;
}

/** Switches off all computing on WebGPU in this realm, permanently. */
export function computeNothing(): void {
  GPUComputePassEncoder.prototype.dispatchWorkgroups = () => undefined;
  GPUComputePassEncoder.prototype.dispatchWorkgroupsIndirect = () => undefined;
  const writeBuffer = GPUQueue.prototype.writeBuffer;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...rest) {
    if (data.byteLength < LARGE_UPLOAD_BYTES) writeBuffer.call(this, buffer, offset, data, ...rest);
  };
}

/** Bytes. Larger buffers are not backed; the runtime itself reads and writes smaller ones. */
const BACKED_BYTES = 1024 * 1024;
/** Bytes of the buffer that stands in for them: at least what any binding asks for. */
const STAND_IN_BYTES = 256;
/** Limits of every desktop GPU that has the memory. */
const LARGE_LIMITS = { maxBufferSize: 2 ** 32 - 4, maxStorageBufferBindingSize: 2 ** 31 - 4 };

/**
 * Replaces large buffers by small ones that claim the large size, and raises the adapter's limits,
 * in this realm, permanently. So sizes that no memory here could hold are counted as they are
 * requested. Call it after `watchBuffers` and `computeNothing`.
 */
export function allocateNothing(): void {
  const hollow = new WeakSet<GPUBuffer>();
  const { createBuffer, createBindGroup } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const isMapped = (descriptor.usage & GPUBufferUsage.MAP_READ) !== 0 || descriptor.mappedAtCreation === true;
    if (isMapped || descriptor.size <= BACKED_BYTES) return createBuffer.call(this, descriptor);
    const buffer = createBuffer.call(this, { ...descriptor, size: STAND_IN_BYTES });
    hollow.add(buffer);
    Object.defineProperty(buffer, 'size', { value: descriptor.size });
    return buffer;
  };
  GPUDevice.prototype.createBindGroup = function (descriptor) {
    const entries = [...descriptor.entries].map((entry) => {
      const { buffer } = entry.resource as GPUBufferBinding;
      return buffer !== undefined && hollow.has(buffer) ? { ...entry, resource: { buffer } } : entry;
    });
    return createBindGroup.call(this, { ...descriptor, entries });
  };
  const { writeBuffer } = GPUQueue.prototype;
  GPUQueue.prototype.writeBuffer = function (buffer, ...rest) {
    if (!hollow.has(buffer)) writeBuffer.call(this, buffer, ...rest);
  };
  const encoder = GPUCommandEncoder.prototype;
  const copy = encoder.copyBufferToBuffer as (...args: unknown[]) => undefined;
  encoder.copyBufferToBuffer = function (this: GPUCommandEncoder, ...args: unknown[]) {
    const isHollow = args.some((arg) => hollow.has(arg as GPUBuffer));
    return isHollow ? undefined : copy.apply(this, args);
  } as GPUCommandEncoder['copyBufferToBuffer'];
  const { clearBuffer } = encoder;
  encoder.clearBuffer = function (buffer, ...rest) {
    return hollow.has(buffer) ? undefined : clearBuffer.call(this, buffer, ...rest);
  };
  offerLargeLimits();
}

function offerLargeLimits(): void {
  for (const [name, value] of Object.entries(LARGE_LIMITS)) {
    Object.defineProperty(GPUSupportedLimits.prototype, name, { get: () => value });
  }
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = function (descriptor) {
    const requiredLimits = Object.fromEntries(
      Object.entries(descriptor?.requiredLimits ?? {}).filter(([name]) => !Object.hasOwn(LARGE_LIMITS, name)),
    );
    return requestDevice.call(this, { ...descriptor, requiredLimits });
  };
}

/**
 * The backend. Its peaks start again with each stage, and its readbacks are a ramp from −1 to 1,
 * because a picture of zeros would be refused as flat.
 */
export function countingBackend(backend: Backend): Backend {
  const ramped = (stage: Stage): Stage => {
    let uploads = 0;
    return {
      ...stage,
      read: async (tensor) => (await stage.read(tensor)).map((_, i, { length }) => (2 * i) / length - 1),
      upload: async (...upload) => {
        uploads++;
        return stage.upload(...upload);
      },
      run: async (...run) => {
        const outputs = await stage.run(...run);
        // A real run outlasts the upload of the next part's weights, so this one must too.
        for (let before = -1; before !== uploads; await new Promise((resolve) => setTimeout(resolve, UPLOAD_GAP_MS)))
          before = uploads;
        return outputs;
      },
    };
  };
  return {
    ...backend,
    openStage: async (label, on) => {
      backend.ledger.resetPeaks();
      return ramped(await backend.openStage(label, on));
    },
  };
}

export type CountedPhases = Record<PlanPhase, LedgerSnapshot & { workBuffers: string }>;

/**
 * Peaks of one generation by phase, of a backend that counts. `counted` keeps what was counted
 * before a failure.
 */
export async function countPhases(
  pipeline: Pipeline,
  request: GenerateRequest,
  counted: Partial<CountedPhases> = {},
): Promise<CountedPhases> {
  const { ledger } = pipeline.backend;
  const { text_encoder, text_encoder_2 } = pipeline.bundle.manifest.config;
  const textLayers = text_encoder.num_hidden_layers + text_encoder_2.num_layers;
  const note = (phase: PlanPhase): void => {
    counted[phase] = { ...ledger.snapshot(), workBuffers: peakBuffers() };
    ledger.resetPeaks();
  };
  await pipeline.generate(request, {
    // Each event comes after the last run of its phase.
    onTensor: (name) => {
      if (name === 'prompt_embeds') note('text');
      if (name.startsWith('latents_')) note('denoise');
      if (name === 'decoded') note('decode');
    },
    onProgress: (progress) => {
      if (progress.stage !== 'encode' || progress.done < progress.total) return;
      // Both encoders' layers and the modulation share one count.
      if (progress.total > textLayers) note('modulation');
    },
  });
  return counted as CountedPhases;
}
