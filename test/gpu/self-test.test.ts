import { type Backend, createWebGpuBackend, halfGraphsOf, memoryVerdictStore } from '@flux-srpo/runtime';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rungsOf } from '../../packages/runtime/src/ort/ladder.ts';
import { fixShaders } from '../../packages/runtime/src/ort/shader-fix.ts';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { adapter, missing } from './support/adapter.ts';
import { interceptShaders, MENDED_SCORES } from './support/shaders.ts';

/** What each iteration of a loop finds in a variable without an initializer, after adding one. */
const COUNT = `
@group(0) @binding(0) var<storage, read_write> values : array<u32>;
@compute @workgroup_size(1) fn main() {
  for (var k = 0u; k < arrayLength(&values); k++) {
    var count : vec4<u32>;
    count[2] += 1u;
    values[k] = count[2];
  }
}`;

async function countOn(device: GPUDevice): Promise<number[]> {
  const module = device.createShaderModule({ code: COUNT });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const entries = [{ binding: 0, resource: { buffer } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, 16);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return [...new Uint32Array(staging.getMappedRange())];
}

async function openRawDevice(): Promise<GPUDevice> {
  const raw = await navigator.gpu.requestAdapter();
  return raw!.requestDevice();
}

describe('this GPU', () => {
  beforeEach(({ skip }) => skip(missing !== undefined, missing));

  const sources: string[] = [];
  let backend: Backend;
  beforeAll(async () => {
    if (missing !== undefined) return;
    interceptShaders((code) => {
      sources.push(code);
      return code;
    });
    const files = await convertInMemory(
      await synthesizeFolder(readNodeFixture, await readPipelineFixture(readNodeFixture, 'a-3x32')),
      { dtype: 'q4m' },
    );
    const halfGraphs = halfGraphsOf(await openInMemory(files));
    backend = await createWebGpuBackend({ halfGraphs, selfTest: { store: memoryVerdictStore() } });
    console.log(JSON.stringify({ adapter: adapter!.description, ...backend.info.selfTest }));
    await backend.dispose();
  });

  it('has as many lanes as the run asked for', () => {
    const lanes = process.env.SOFTWARE_GPU_LANES;
    if (lanes !== undefined) expect(adapter!.subgroupMinSize).toBe(Number(lanes));
  });

  it('passes the known answers in halves on the best rung, which is below subgroups with 4 lanes', () => {
    const [best] = rungsOf(adapter!);
    expect(best === 'no-subgroups').toBe(adapter!.subgroupMinSize === 4 || !adapter!.features.includes('subgroups'));
    expect(backend.info.precision).toBe('f16');
    expect(backend.info.selfTest).toMatchObject({ rung: best, steppedDown: [] });
    expect(backend.info.selfTest!.programs).toContain('FlashAttention');
    for (const graph of ['t5_layer', 'double_block', 'single_block'])
      expect(backend.info.selfTest!.errors[`${graph} in halves`]).toBeGreaterThan(0);
  });

  it('is given initializers if it keeps the variables of loops, and is right then', async () => {
    const raw = await openRawDevice();
    const isRight = (await countOn(raw)).every((count) => count === 1);
    raw.destroy();
    expect(backend.info.shaderFix).toBe(isRight ? undefined : 'loop-variables');
    const mended = await openRawDevice();
    fixShaders(mended);
    expect(await countOn(mended)).toEqual([1, 1, 1, 1]);
    mended.destroy();
  });

  it('gets FlashAttention with its sums of scores set to zero for each key', ({ skip }) => {
    const attention = sources.filter((code) => /var qk_1 : vec4<qk_precision>/.test(code));
    skip(attention.length === 0, 'this adapter takes a path without such sums');
    skip(backend.info.shaderFix === undefined, 'this adapter resets the variables of loops itself');
    for (const code of attention) expect(code.match(MENDED_SCORES)).toHaveLength(4);
  });
});
