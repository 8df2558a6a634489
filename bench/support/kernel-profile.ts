/**
 * Time by kernel, with `timestamp-query`: each dispatch becomes a compute pass of its own, with a
 * time at its beginning and one at its end. The runtime needs not know. Passes of their own cost a
 * little more than one for many dispatches, so sums are somewhat above the time of a step.
 */

/** What one kernel did in the profiled time. */
export interface KernelTime {
  kernel: string;
  dispatches: number;
  /** On the GPU. */
  ms: number;
}

export interface KernelProfile {
  /** Of `GenerateOptions`: times the second step, whose shaders the first one has compiled. */
  onTensor(name: string): void;
  /** What the second step took, once it is over. */
  times(): Promise<KernelTime[]>;
}

/** Steps of a generation that is profiled. */
export const PROFILED_STEPS = 2;

/** Tensors that a pipeline tells of at the end of its first and its second step. */
const STEP_ENDS = { first: 'latents_001', second: 'latents_002' };

/** Dispatches of one set of queries. The runtime encodes 16 at once. */
const DISPATCHES_PER_SET = 32;

/**
 * Call it before devices are made: they are asked for `timestamp-query` from then on. Programs are
 * known by the label of their shader module, which onnxruntime sets.
 */
export function profileKernels(): KernelProfile {
  const times = new Map<string, KernelTime>();
  const pending: Promise<void>[] = [];
  let isOn = false;

  const count = (kernel: string, nanoseconds: number): void => {
    const sum = times.get(kernel) ?? { kernel, dispatches: 0, ms: 0 };
    times.set(kernel, { kernel, dispatches: sum.dispatches + 1, ms: sum.ms + nanoseconds / 1e6 });
  };
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    if (!this.features.has('timestamp-query')) throw new Error('a profile needs an adapter with timestamp-query');
    const requiredFeatures = [...(descriptor?.requiredFeatures ?? []), 'timestamp-query' as const];
    const device = await requestDevice.call(this, { ...descriptor, requiredFeatures });
    const createCommandEncoder = device.createCommandEncoder.bind(device);
    const submit = device.queue.submit.bind(device.queue);
    const nameOf = programNames(device);
    /** What reads the times of a command buffer, once it was submitted. */
    const readers = new WeakMap<GPUCommandBuffer, () => Promise<void>>();
    device.createCommandEncoder = (about) => {
      const encoder = createCommandEncoder(about);
      if (!isOn) return encoder;
      const timed = timeEncoder(device, encoder, (pipeline, ns) => count(nameOf(pipeline), ns));
      const finish = encoder.finish.bind(encoder);
      encoder.finish = (options) => {
        timed.resolve();
        const commands = finish(options);
        readers.set(commands, timed.read);
        return commands;
      };
      return encoder;
    };
    device.queue.submit = (commands) => {
      const buffers = [...commands];
      submit(buffers);
      for (const buffer of buffers) {
        const read = readers.get(buffer);
        if (read !== undefined) pending.push(read());
      }
    };
    return device;
  };

  return {
    onTensor(name) {
      if (name === STEP_ENDS.first) {
        times.clear();
        isOn = true;
      }
      if (name === STEP_ENDS.second) isOn = false;
    },
    async times() {
      await Promise.all(pending.splice(0));
      return [...times.values()];
    },
  };
}

interface TimedEncoder {
  /** Copies the times to where they can be read. */
  resolve(): void;
  read(): Promise<void>;
}

/** @returns the name of the program of a pipeline that this device makes from now on */
function programNames(device: GPUDevice): (pipeline: GPUComputePipeline) => string {
  const names = new WeakMap<GPUComputePipeline, string>();
  const modules = new WeakMap<GPUShaderModule, string>();
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    const module = createShaderModule(descriptor);
    modules.set(module, descriptor.label ?? 'unnamed');
    return module;
  };
  const named = (pipeline: GPUComputePipeline, { compute }: GPUComputePipelineDescriptor): GPUComputePipeline => {
    names.set(pipeline, modules.get(compute.module)!);
    return pipeline;
  };
  const createSoon = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = async (descriptor) => named(await createSoon(descriptor), descriptor);
  const create = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) => named(create(descriptor), descriptor);
  return (pipeline) => names.get(pipeline)!;
}

/** Makes the encoder's compute passes time each dispatch. */
function timeEncoder(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  count: (pipeline: GPUComputePipeline, nanoseconds: number) => void,
): TimedEncoder {
  const timed: GPUComputePipeline[] = [];
  const sets: GPUQuerySet[] = [];
  const beginPass = encoder.beginComputePass.bind(encoder);
  let staging: GPUBuffer | undefined;

  /** Where the times of the next dispatch go. */
  const nextTimes = (pipeline: GPUComputePipeline): GPUComputePassTimestampWrites => {
    const at = timed.length % DISPATCHES_PER_SET;
    if (at === 0) sets.push(device.createQuerySet({ type: 'timestamp', count: 2 * DISPATCHES_PER_SET }));
    timed.push(pipeline);
    return { querySet: sets.at(-1)!, beginningOfPassWriteIndex: 2 * at, endOfPassWriteIndex: 2 * at + 1 };
  };
  encoder.beginComputePass = () => timedPass((pipeline) => beginPass({ timestampWrites: nextTimes(pipeline) }));

  return {
    resolve() {
      if (timed.length === 0) return;
      const size = sets.length * 2 * DISPATCHES_PER_SET * BigUint64Array.BYTES_PER_ELEMENT;
      const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
      const resolved = device.createBuffer({ label: 'times', size, usage: QUERY_RESOLVE | COPY_SRC });
      staging = device.createBuffer({ label: 'times', size, usage: COPY_DST | MAP_READ });
      const setBytes = size / sets.length;
      for (const [i, set] of sets.entries())
        encoder.resolveQuerySet(set, 0, 2 * DISPATCHES_PER_SET, resolved, i * setBytes);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
      void device.queue.onSubmittedWorkDone().then(() => resolved.destroy());
    },
    async read() {
      if (staging === undefined) return;
      await staging.mapAsync(GPUMapMode.READ);
      const written = new BigUint64Array(staging.getMappedRange());
      for (const [i, pipeline] of timed.entries()) {
        // A clock that was set back gives no time.
        count(pipeline, Math.max(0, Number(written[2 * i + 1]! - written[2 * i]!)));
      }
      staging.destroy();
      for (const set of sets) set.destroy();
    },
  };
}

/** A pass that begins a real one for each dispatch. */
function timedPass(begin: (pipeline: GPUComputePipeline) => GPUComputePassEncoder): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline;
  const groups = new Map<number, GPUBindGroup>();
  const pass: Pick<GPUComputePassEncoder, 'setPipeline' | 'setBindGroup' | 'dispatchWorkgroups' | 'end'> = {
    setPipeline: (next) => {
      pipeline = next;
    },
    setBindGroup: (index: number, group: GPUBindGroup | null) => {
      if (group !== null) groups.set(index, group);
    },
    dispatchWorkgroups: (...counts) => {
      const real = begin(pipeline);
      real.setPipeline(pipeline);
      for (const [index, group] of groups) real.setBindGroup(index, group);
      real.dispatchWorkgroups(...counts);
      real.end();
    },
    end: () => undefined,
  };
  return pass as GPUComputePassEncoder;
}
