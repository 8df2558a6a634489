/**
 * A plain tiled matrix product in WGSL, without subgroups or vendor matrix units: what a simple
 * shader reaches on this machine.
 */

/** Rows and columns of C that one workgroup of 16 × 16 threads makes; each thread makes 4 × 4. */
const TILE = 64;

function shader(type: 'f16' | 'f32', size: number): string {
  return `${type === 'f16' ? 'enable f16;' : ''}
const N4 = ${size / 4}u;
@group(0) @binding(0) var<storage, read> a: array<vec4<${type}>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<${type}>>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4<${type}>>;
var<workgroup> rows: array<array<vec4<${type}>, 4>, 64>;
var<workgroup> columns: array<array<vec4<${type}>, 16>, 16>;
@compute @workgroup_size(16, 16)
fn main(@builtin(local_invocation_id) l: vec3u, @builtin(workgroup_id) w: vec3u) {
  var sums: array<vec4<${type}>, 4>;
  let flat = l.y * 16u + l.x;
  for (var k = 0u; k < N4; k += 4u) {
    rows[flat / 4u][flat % 4u] = a[(w.y * 64u + flat / 4u) * N4 + k + flat % 4u];
    columns[flat / 16u][flat % 16u] = b[(k * 4u + flat / 16u) * N4 + w.x * 16u + flat % 16u];
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) {
      let b0 = columns[i * 4u][l.x];
      let b1 = columns[i * 4u + 1u][l.x];
      let b2 = columns[i * 4u + 2u][l.x];
      let b3 = columns[i * 4u + 3u][l.x];
      for (var r = 0u; r < 4u; r++) {
        let x = rows[l.y * 4u + r][i];
        sums[r] = fma(vec4(x.x), b0, fma(vec4(x.y), b1, fma(vec4(x.z), b2, fma(vec4(x.w), b3, sums[r]))));
      }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    c[(w.y * 64u + l.y * 4u + r) * N4 + w.x * 16u + l.x] = sums[r];
  }
}`;
}

/** Seconds of one product [size, size]·[size, size]. Throws where the product is wrong. */
export async function timeMatMul(
  device: GPUDevice,
  type: 'f16' | 'f32',
  size: number,
  repeats: number,
): Promise<number> {
  if (size % TILE !== 0) throw new Error(`the matrices' size must be a multiple of ${TILE}, got ${size}`);
  const bytes = size * size * (type === 'f16' ? 2 : 4);
  const buffers = [1, 2, 3].map(() =>
    device.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    }),
  );
  // All factors are 2^-6, so each number of the product is size·2^-12: exact in halves, also on the
  // way.
  const value =
    type === 'f16' ? new Uint16Array(size * size).fill(0x2400) : new Float32Array(size * size).fill(2 ** -6);
  for (const buffer of buffers.slice(0, 2)) device.queue.writeBuffer(buffer, 0, value);
  const module = device.createShaderModule({ code: shader(type, size) });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const run = async (count: number): Promise<void> => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < count; i++) pass.dispatchWorkgroups(size / TILE, size / TILE);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
  await run(1);
  const started = performance.now();
  await run(repeats);
  const seconds = (performance.now() - started) / 1000 / repeats;
  await assertProduct(device, buffers[2] as GPUBuffer, type, size);
  for (const buffer of buffers) buffer.destroy();
  return seconds;
}

async function assertProduct(device: GPUDevice, product: GPUBuffer, type: 'f16' | 'f32', size: number): Promise<void> {
  const staging = device.createBuffer({ size: 8, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(product, product.size - 8, staging, 0, 8);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const range = staging.getMappedRange();
  // Halves are compared by their bits: size·2^-12 is a power of two for the sizes that make sense.
  const got = type === 'f16' ? 2 ** ((new Uint16Array(range)[3]! >> 10) - 15) : new Float32Array(range)[1]!;
  const want = type === 'f16' ? 2 ** Math.floor(Math.log2(size / 4096)) : size / 4096;
  staging.destroy();
  if (got !== want) throw new Error(`the matrix product must be ${want}, got ${got}`);
}
