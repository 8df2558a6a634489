import { timeProduct } from '../support/matmul.ts';
import { type MatMulShader, type MatrixUnit, matrixUnitMatMul, plainMatMul } from '../support/matmul-shaders.ts';
import { errorText } from './error-text.ts';
import type { Tell } from './questions.ts';

const REPEATS = 5;

/**
 * Products of square matrices by hand, the ceiling of what a simple shader reaches: plain in both
 * precisions, and on each kind of matrix unit that takes halves.
 */
export async function answerCeiling(size: number, tell: Tell): Promise<void> {
  const { features, info } = await newAdapter();
  const lanes = info.subgroupMaxSize ?? 32;
  const shaders: { by: string; shader: MatMulShader }[] = [{ by: 'plain f32', shader: plainMatMul('f32', size) }];
  if (features.has('shader-f16')) shaders.push({ by: 'plain f16', shader: plainMatMul('f16', size) });
  if (features.has('chromium-experimental-subgroup-matrix' as GPUFeatureName)) {
    const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<MatrixUnit> };
    for (const unit of subgroupMatrixConfigs) {
      const { componentType, resultComponentType, M, N, K } = unit;
      if (componentType !== 'f16') continue;
      const by = `matrix units ${M}x${N}x${K}, f16 to ${resultComponentType}`;
      shaders.push({ by, shader: matrixUnitMatMul(unit, lanes, size) });
    }
  }
  for (const { by, shader } of shaders) {
    try {
      const device = await openDevice(shader);
      const seconds = await timeProduct(device, shader, size, REPEATS);
      device.destroy();
      tell({ what: 'ceiling', by, size, seconds, teraflops: (2 * size ** 3) / seconds / 1e12 });
    } catch (error) {
      tell({ what: 'ceiling', by, size, failed: errorText(error) });
    }
  }
}

async function newAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new Error('Dawn found no adapter');
  return adapter;
}

/** A fresh adapter each time: one that has given a device is consumed. */
async function openDevice({ features }: MatMulShader): Promise<GPUDevice> {
  const adapter = await newAdapter();
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return adapter.requestDevice({
    requiredFeatures: features as GPUFeatureName[],
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
}
