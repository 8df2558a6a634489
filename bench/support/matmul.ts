import { f16ToF32, f32ToF16 } from '@flux-srpo/formats';
import { type MatMulShader, plainMatMul } from './matmul-shaders.ts';

/**
 * A number of C is a sum of `size` products of −1, 0 and 1. Halves hold whole numbers up to 2048,
 * and sums of so few products stay far below: so products are exact, in any order and type.
 */
const LARGEST_SIZE = 2 ** 14;

/** Rows of C that are compared with the CPU's. */
const CHECKED_ROWS = 4;

/** Seconds of one plain product [size, size]·[size, size]. Throws where it is wrong. */
export function timeMatMul(device: GPUDevice, type: 'f16' | 'f32', size: number, repeats: number): Promise<number> {
  return timeProduct(device, plainMatMul(type, size), size, repeats);
}

/**
 * Seconds of one product by this shader. Throws where rows of it differ from the CPU's.
 *
 * @param device has the shader's features
 * @param size a multiple of both sides of the shader's tile
 */
export async function timeProduct(
  device: GPUDevice,
  shader: MatMulShader,
  size: number,
  repeats: number,
): Promise<number> {
  const { tile, code } = shader;
  if (size % tile.rows !== 0 || size % tile.columns !== 0 || size > LARGEST_SIZE)
    throw new Error(
      `the matrices' size must be a multiple of ${tile.rows} and ${tile.columns}, ${LARGEST_SIZE} at most, got ${size}`,
    );
  const [a, b] = [signs(1, size * size), signs(2, size * size)];
  const buffers = [shader.inputs, shader.inputs, shader.output].map((type) =>
    device.createBuffer({
      size: size * size * (type === 'f16' ? 2 : 4),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    }),
  );
  for (const [i, values] of [a, b].entries())
    device.queue.writeBuffer(buffers[i]!, 0, shader.inputs === 'f16' ? f32ToF16(values) : values);
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const run = async (count: number): Promise<void> => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < count; i++) pass.dispatchWorkgroups(size / tile.columns, size / tile.rows);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
  await run(1);
  const started = performance.now();
  await run(repeats);
  const seconds = (performance.now() - started) / 1000 / repeats;
  for (let i = 0; i < CHECKED_ROWS; i++) {
    const row = Math.floor((i * (size - 1)) / (CHECKED_ROWS - 1));
    assertRow(row, await readRow(device, buffers[2]!, shader.output, row, size), productRow(a, b, row, size));
  }
  for (const buffer of buffers) buffer.destroy();
  return seconds;
}

/** −1, 0 or 1 each: the high bits of a linear congruential generator. */
function signs(seed: number, length: number): Float32Array<ArrayBuffer> {
  let state = seed;
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = ((state >>> 16) % 3) - 1;
  }
  return values;
}

function productRow(a: Float32Array, b: Float32Array, row: number, size: number): Float32Array {
  const product = new Float32Array(size);
  for (let k = 0; k < size; k++) {
    const factor = a[row * size + k]!;
    if (factor === 0) continue;
    for (let n = 0; n < size; n++) product[n]! += factor * b[k * size + n]!;
  }
  return product;
}

async function readRow(
  device: GPUDevice,
  product: GPUBuffer,
  type: 'f16' | 'f32',
  row: number,
  size: number,
): Promise<Float32Array> {
  const bytes = size * (type === 'f16' ? 2 : 4);
  const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(product, row * bytes, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const copy = staging.getMappedRange().slice(0);
  staging.destroy();
  return type === 'f16' ? f16ToF32(new Uint16Array(copy)) : new Float32Array(copy);
}

function assertRow(row: number, got: Float32Array, want: Float32Array): void {
  const column = want.findIndex((value, i) => value !== got[i]);
  if (column !== -1)
    throw new Error(`the matrix product must be ${want[column]} at [${row}, ${column}], got ${got[column]}`);
}
