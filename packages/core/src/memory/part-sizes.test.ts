import { describe, expect, it } from 'vitest';
import { FLUX1_DEV } from '../model/flux1-dev.ts';
import { PARTS } from '../model/parts.ts';
import { partSizes } from './part-sizes.ts';

describe('part sizes of a bundle', () => {
  const bundle = (recipe: Record<string, 'f32' | 'f16' | 'q8' | 'q4'>, name: string, size: number) => ({
    parts: [
      { name, graph: 'graph', weights: 'weights/w.safetensors' },
      { name: 't5_embedding', weights: 'weights/e.safetensors' },
    ],
    files: [
      { path: 'weights/w.safetensors', size, sha256: '', chunks: [] },
      { path: 'weights/e.safetensors', size, sha256: '', chunks: [] },
    ],
    quantization: { recipe, fallbacks: [] },
    config: FLUX1_DEV,
  });

  it('count scales and halves as the floats they are on the device', () => {
    // 32 weights: 16 bytes of codes with a scale of 2 bytes on disk and 4 on the device.
    expect(partSizes(bundle({ attention: 'q4', mlp: 'q4' }, 'double_block.0', 18_000))).toEqual([
      { ...PARTS.doubleBlock(0), bytes: 20_000 },
    ]);
    expect(partSizes(bundle({ t5: 'q8', t5_wo: 'q8' }, 't5_layer.0', 34_000))[0]?.bytes).toBe(36_000);
    expect(partSizes(bundle({ vae: 'f16' }, 'vae_in', 1000))[0]?.bytes).toBe(2000);
    expect(partSizes(bundle({ attention: 'f32', mlp: 'f32' }, 'single_block.0', 1000))[0]?.bytes).toBe(1000);
  });

  it('take the class that grows most where a part has several, fallbacks included', () => {
    const mixed = bundle({ t5: 'q4', t5_wo: 'q8' }, 't5_layer.0', 18_000);
    expect(partSizes(mixed)[0]?.bytes).toBe(20_000);
    const fallbacks = [{ tensor: 't5_layer.0/q.weight', asked: 'q4' as const, used: 'f16' as const, reason: '' }];
    expect(partSizes({ ...mixed, quantization: { ...mixed.quantization, fallbacks } })[0]?.bytes).toBe(36_000);
  });

  it('keep scales as halves where the part has a graph in half precision, but T5, which takes some as floats', () => {
    const q4 = bundle({ attention: 'q4', mlp: 'q4', t5: 'q4', t5_wo: 'q4' }, 'double_block.0', 18_000);
    const halves = { ...q4, graphs_f16: { graph: 'graphs/graph.f16.onnx' } };
    expect(partSizes(halves, true)[0]?.bytes).toBe(18_000);
    expect(partSizes(halves)[0]?.bytes).toBe(20_000);
    expect(partSizes(q4, true)[0]?.bytes).toBe(20_000);
    const t5 = { ...halves, parts: [{ ...halves.parts[0]!, name: 't5_layer.0' }] };
    // 7 of 23: `o` is 1 and `wo` 2.5 of 11.5 times 4096².
    expect(partSizes(t5, true)[0]?.bytes).toBe(Math.ceil(18_000 * (1 + (2 / 18) * (7 / 23))));
    const mixed = { ...t5, quantization: { recipe: { t5: 'q4', t5_wo: 'f16' } as const, fallbacks: [] } };
    expect(partSizes(mixed, true)[0]?.bytes).toBe(36_000);
  });
});
