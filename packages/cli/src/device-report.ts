import { type ImageSize, type MemoryPlan, planLines } from '@flux-srpo/core';
import { type BackendInfo, createPipeline } from '@flux-srpo/runtime';
import { gpuName } from '@flux-srpo/runtime/node';
import type { Computing } from './computing-options.ts';
import { openBackend } from './open-backend.ts';
import { openModel } from './open-model.ts';

/** What `inspect --device` prints. */
export interface DeviceReport extends BackendInfo {
  device: 'cpu' | 'webgpu';
  /** What was chosen and why. */
  notes: string[];
  /** Of a picture of the bundle's default size. Absent without a bundle. */
  plan?: MemoryPlan & { size: ImageSize };
}

/** Opens the device as `generate` would, self-test included, and plans. Loads no weights. */
export async function inspectDevice(computing: Computing, model: string | undefined): Promise<DeviceReport> {
  const bundle = model === undefined ? undefined : await openModel(model);
  const { notes, ...means } = await openBackend(computing, bundle);
  const { name, info } = means.backend;
  const report: DeviceReport = { device: name === 'webgpu' ? 'webgpu' : 'cpu', notes, ...info };
  if (bundle === undefined) {
    await means.backend.dispose();
    return report;
  }
  const { sizes, defaults } = bundle.manifest;
  const size = sizes[defaults.size];
  const pipeline = await createPipeline({ bundle, ...means });
  const plan = pipeline.plan({ prompt: 'any', size });
  await pipeline.dispose();
  return { ...report, plan: { size, ...plan } };
}

export function deviceText({
  device,
  notes,
  adapter,
  precision,
  runtimeVersion,
  build,
  ...rest
}: DeviceReport): string {
  const { selfTest, shaderFix, plan } = rest;
  const lines = [
    ...notes,
    `device       ${adapter === undefined ? device : `${device}, ${gpuName(adapter)}${adapter.isFallback ? ', software' : ''}`}`,
    `runtime      onnxruntime ${runtimeVersion}${build === undefined ? '' : ` (${build})`}, computes in ${precision}`,
  ];
  if (adapter !== undefined) {
    const { features, subgroupMinSize: least, subgroupMaxSize: most } = adapter;
    lines.push(`features     ${features.join(', ')}`);
    if (least !== undefined) lines.push(`subgroups    of ${least === most ? least : `${least} to ${most}`} lanes`);
    lines.push('limits', ...Object.entries(adapter.limits).map(([name, limit]) => `  ${name.padEnd(34)} ${limit}`));
  }
  if (selfTest !== undefined) {
    const { rung, errors, steppedDown } = selfTest;
    const worst = Math.max(...Object.values(errors));
    lines.push(
      `self-test    passed with ${rung}: ${Object.keys(errors).length} kernels, error ${worst.toExponential(1)} at most`,
    );
    if (shaderFix !== undefined) lines.push(`  shaders are mended: ${shaderFix}`);
    for (const step of steppedDown) lines.push(`  not ${step}`);
  }
  if (plan !== undefined) lines.push(...planLines(plan.size, plan));
  return `${lines.join('\n')}\n`;
}
