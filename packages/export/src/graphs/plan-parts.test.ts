import { FLUX1_DEV, t5FloatShare } from '@flux-srpo/core';
import { decodeModel } from '@flux-srpo/formats/onnx';
import { describe, expect, it } from 'vitest';
import { CLASS_MAPS, resolveClass } from '../weight-classes/class-map.ts';
import { buildGraph, HALF_GRAPHS } from './build-graph.ts';
import { planParts } from './plan-parts.ts';
import type { ClassOf, PartPlan } from './slots.ts';
import { scalesName, weightInputs } from './weight-inputs.ts';

const parts = planParts(FLUX1_DEV);
const ALL_F32: ClassOf = () => 'f32';
const ALL_Q4M: ClassOf = (slot) => resolveClass(CLASS_MAPS.q4m, slot).used;
const ALL_Q4: ClassOf = (slot) => (slot.kind === 'linear' && slot.tensorClass !== 'vae' ? 'q4' : 'f32');

function parameters(belongs: (part: PartPlan) => boolean): number {
  return parts
    .filter(belongs)
    .flatMap((part) => part.slots)
    .reduce((sum, slot) => sum + slot.shape.reduce((a, b) => a * b, 1), 0);
}

describe('the plan of FLUX.1', () => {
  // Oracle: sum of numel() over the state dicts of diffusers' FluxTransformer2DModel, transformers'
  // T5EncoderModel and CLIPTextModel and the decoder of diffusers' AutoencoderKL, instantiated on
  // the meta device with FLUX.1-dev's configs.
  it('takes every parameter of the transformer exactly once', () => {
    expect(parameters(({ component }) => component === 'transformer')).toBe(11_901_408_320);
  });

  it('takes every parameter of T5, CLIP and the decoder exactly once', () => {
    expect(parameters(({ component }) => component === 'text_encoder_2')).toBe(4_762_310_656);
    expect(parameters(({ component }) => component === 'text_encoder')).toBe(123_060_480);
    expect(parameters(({ component }) => component === 'vae')).toBe(49_545_475);
  });

  it('gives every part a name of its own and every slot of a part too', () => {
    expect(new Set(parts.map((part) => part.name)).size).toBe(parts.length);
    for (const { slots } of parts) expect(new Set(slots.map((slot) => slot.name)).size).toBe(slots.length);
  });

  it('holds in each part the tensor classes that the memory plan counts', () => {
    for (const { name, slots, classes } of parts) {
      const large = slots.map(({ tensorClass }) => tensorClass).filter((each) => each !== 'norm' && each !== 'bias');
      expect([name, ...new Set(large)].sort()).toEqual([name, ...classes].sort());
    }
  });

  it('cuts MLPs so that no activation of 4608 tokens passes the runtime’s largest reusable buffer', () => {
    const LARGEST_CACHED_BUFFER = 167.8e6;
    for (const slot of parts.flatMap((part) => part.slots)) {
      const inLoop = slot.tensorClass === 'attention' || slot.tensorClass === 'mlp';
      if (slot.kind === 'linear' && inLoop)
        expect((slot.shape[0] as number) * 4608 * 4).toBeLessThan(LARGEST_CACHED_BUFFER);
    }
  });
});

describe('a graph', () => {
  it('has as inputs its data, then the weights its slots say, in order', () => {
    const { bytes, weights } = buildGraph('single_block', FLUX1_DEV, ALL_Q4);
    const inputs = decodeModel(bytes).graph?.input.map((input) => input.name) ?? [];
    expect(inputs.slice(0, 4)).toEqual(['hidden', 'mod', 'rope_cos', 'rope_sin']);
    expect(inputs.slice(4)).toEqual(weights.map((weight) => weight.name));
    const slots = parts.find((part) => part.graph === 'single_block')?.slots ?? [];
    expect(weights).toEqual(slots.flatMap((slot) => weightInputs(slot, ALL_Q4(slot))));
  });

  it('is a few kilobytes at FLUX.1’s size, since no weight is inside', () => {
    for (const graph of new Set(parts.map((part) => part.graph))) {
      if (graph !== undefined) expect(buildGraph(graph, FLUX1_DEV, ALL_Q4).bytes.length).toBeLessThan(20_000);
    }
  });

  it('is the same bytes every time it is built', () => {
    const build = () => buildGraph('double_block', FLUX1_DEV, ALL_Q4).bytes;
    expect(build()).toEqual(build());
  });

  describe.each(HALF_GRAPHS)('%s in half precision', (name) => {
    const whole = buildGraph(name, FLUX1_DEV, ALL_Q4);
    const half = buildGraph(name, FLUX1_DEV, ALL_Q4, 'f16');
    const floats = (bytes: Uint8Array) => decodeModel(bytes).graph?.output.map(({ type }) => type?.value);

    it('takes the same weights and data and gives the same outputs, floats outside', () => {
      expect(half.weights.map(({ name, dims }) => ({ name, dims }))).toEqual(
        whole.weights.map(({ name, dims }) => ({ name, dims })),
      );
      expect(floats(half.bytes)).toEqual(floats(whole.bytes));
      const dataInputs = (bytes: Uint8Array) =>
        decodeModel(bytes).graph?.input.filter((input) => !input.name.includes('.'));
      expect(dataInputs(half.bytes)).toEqual(dataInputs(whole.bytes));
    });

    it('multiplies in halves the weights that the memory plan counts as halves', () => {
      const scales = half.weights.filter(({ name }) => name.endsWith('.scales'));
      const count = (dtype: string) =>
        scales
          .filter((input) => input.dtype === dtype)
          .reduce((sum, { dims }) => sum + (dims[0] ?? 0) * (dims[1] ?? 0), 0);
      const floats = count('float32') / (count('float16') + count('float32'));
      expect(floats).toBeCloseTo(name === 't5_layer' ? t5FloatShare(FLUX1_DEV.text_encoder_2) : 0, 12);
    });
  });

  // A gate a stream and branch in a double block, one in a single block.
  it.each([
    ['double_block', 4],
    ['single_block', 1],
  ])('keeps the branches of %s in halves until %i gates', (name, gates) => {
    const { graph } = decodeModel(buildGraph(name, FLUX1_DEV, ALL_Q4, 'f16').bytes);
    const widened = graph!.node.filter(
      ({ opType, attribute }) => opType === 'Cast' && attribute.some(({ name, i }) => name === 'to' && i === 1n),
    );
    expect(widened).toHaveLength(gates);
  });

  it('fills what is missing to whole blocks of sums without Pad, which Firefox does not compile in halves', () => {
    const narrow = { ...FLUX1_DEV, transformer: { ...FLUX1_DEV.transformer, num_attention_heads: 2 } };
    const { graph } = decodeModel(buildGraph('single_block', narrow, ALL_Q4M, 'f16').bytes);
    const operators = graph!.node.map(({ opType }) => opType);
    expect(operators).toContain('Slice');
    expect(operators).not.toContain('Pad');
  });

  it('names an unknown kind instead of building something else', () => {
    expect(() => buildGraph('toString', FLUX1_DEV, ALL_F32)).toThrow('there is no graph named toString');
  });
});

describe('the inputs of a linear layer', () => {
  const slot = { name: 'x.weight', kind: 'linear', shape: [6, 64], tensorClass: 'mlp' } as const;

  it('is transposed as floats, so that no Transpose runs', () => {
    expect(weightInputs(slot, 'f16')).toEqual([{ name: 'x.weight', dtype: 'float32', dims: [64, 6] }]);
  });

  it('is MatMulNBits’ B and scales when quantized', () => {
    expect(weightInputs(slot, 'q4').map((input) => input.dims)).toEqual([
      [6, 2, 16],
      [6, 2],
    ]);
    expect(weightInputs(slot, 'q8').map((input) => input.dims)).toEqual([
      [6, 2, 32],
      [6, 2],
    ]);
    expect(weightInputs(slot, 'q8')[1]?.name).toBe(scalesName('x.weight'));
  });

  it('cannot be quantized when its input width is not whole blocks', () => {
    expect(() => weightInputs({ ...slot, shape: [6, 40] }, 'q4')).toThrow('multiple of 32');
  });
});
