import { initializeLoopVariables } from './loop-variables.ts';

/**
 * Faults of WebGPU implementations that shaders can be written around. One is known: a loop's
 * variable without an initializer keeps the value of the last iteration (Chromium 156 and Dawn on
 * Vulkan). onnxruntime 1.30's FlashAttention for subgroups adds scores up in such variables, so
 * attention was off by a tenth of its size, without an error.
 */
export type ShaderFix = 'loop-variables';

/** Iterations that the probe runs. Dynamic, or a compiler may compute the answer itself. */
const ITERATIONS = 4;

/** A scalar, a vector's component and the counter of an inner loop; each must start at zero. */
const PROBE = `
@group(0) @binding(0) var<storage, read_write> values : array<u32>;
@compute @workgroup_size(1) fn main() {
  let iterations = values[0];
  for (var k = 0u; k < iterations; k++) {
    var scalar : u32;
    var vector : vec4<f32>;
    scalar += 1u;
    vector[1] += f32(scalar);
    var inner = 0u;
    for (var i : u32; i < 2u; i++) { inner += 1u; }
    values[k] = scalar + 10u * u32(vector[1]) + 100u * inner;
  }
}`;

/** What the probe writes in each iteration where variables start at zero. */
const RIGHT = 211;

/**
 * Asks a device of this adapter, which is consumed. The answer takes about a millisecond on a GPU.
 * Where none comes, the fix is applied: it changes no meaning, and whoever computes there will
 * learn what is wrong.
 */
export async function findShaderFix(adapter: GPUAdapter): Promise<ShaderFix | undefined> {
  const values = await runProbe(adapter).catch(() => undefined);
  return values?.every((value) => value === RIGHT) ? undefined : 'loop-variables';
}

/** Makes `device.createShaderModule` mend what it is given: ours and the runtime's. */
export function fixShaders(device: GPUDevice): void {
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) =>
    createShaderModule({ ...descriptor, code: initializeLoopVariables(descriptor.code) });
}

async function runProbe(adapter: GPUAdapter): Promise<Uint32Array> {
  const device = await adapter.requestDevice({ label: 'shader probe' });
  try {
    return await probe(device);
  } finally {
    device.destroy();
  }
}

async function probe(device: GPUDevice): Promise<Uint32Array> {
  const module = device.createShaderModule({ code: PROBE });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const size = ITERATIONS * Uint32Array.BYTES_PER_ELEMENT;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const values = device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
  const staging = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(values, 0, Uint32Array.of(ITERATIONS));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const layout = pipeline.getBindGroupLayout(0);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: values } }] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return new Uint32Array(staging.getMappedRange().slice(0));
}
