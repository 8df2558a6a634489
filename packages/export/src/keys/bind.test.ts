import { existsSync, readFileSync } from 'node:fs';
import { FLUX1_DEV, type ModelConfig } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { planParts } from '../graphs/index.ts';
import { type Binding, bindParts } from './bind.ts';
import type { Component, TensorShapes } from './index.ts';

/** Lists of every tensor of the published checkpoints; large, so kept beside the repository and not in it. */
const DATA = new URL('../../../../../shared/data/', import.meta.url);
const hasData = existsSync(new URL('flux_tensors.json', DATA));

type Shapes = Map<string, { shape: readonly number[] }>;

interface BflTensor {
  shape: number[];
  diffusers: { name: string; rows: [number, number] }[];
}

function readData(file: string): unknown {
  return JSON.parse(readFileSync(new URL(file, DATA), 'utf8'));
}

/** All 1160 tensors of FLUX.1's transformer in diffusers' naming. */
function transformerShapes(): Shapes {
  const { tensors } = readData('flux_tensors.json') as { tensors: Record<string, BflTensor> };
  const shapes: Shapes = new Map();
  for (const { shape, diffusers } of Object.values(tensors)) {
    for (const { name, rows } of diffusers) shapes.set(name, { shape: [rows[1] - rows[0], ...shape.slice(1)] });
  }
  return shapes;
}

/** All 244 tensors of FLUX.1's autoencoder in diffusers' naming. */
function vaeShapes(): Shapes {
  const tensors = readData('ae_tensors.json') as Record<string, { diffusers: string; diffusers_shape: number[] }>;
  return new Map(Object.values(tensors).map((tensor) => [tensor.diffusers, { shape: tensor.diffusers_shape }]));
}

const TEXT_PARTS = /^(clip|t5)_/;

/** Binds the parts of the image side alone, the only ones the lists cover. */
function bindImageSide(config: ModelConfig, transformer: TensorShapes, vae: TensorShapes): Binding {
  const parts = planParts(config).filter((part) => !TEXT_PARTS.test(part.name));
  const checkpoints: Record<Component, TensorShapes> = {
    transformer,
    vae,
    text_encoder: new Map(),
    text_encoder_2: new Map(),
  };
  return bindParts(parts, checkpoints);
}

describe.skipIf(!hasData)('the key maps on the published lists of tensors', () => {
  const transformer = transformerShapes();
  const vae = vaeShapes();
  const { parts, unused } = bindImageSide(FLUX1_DEV, transformer, vae);
  const bound = [...parts.values()].flat();

  it('consume every transformer tensor, all of it and nothing twice', () => {
    expect(transformer.size).toBe(1160);
    const taken = new Map<string, number>();
    for (const { component, tensor, slot } of bound) {
      if (component !== 'transformer') continue;
      const count = slot.shape.reduce((a, b) => a * b, 1);
      taken.set(tensor, (taken.get(tensor) ?? 0) + count);
    }
    const whole = [...transformer].map(([name, { shape }]) => [name, shape.reduce((a, b) => a * b, 1)] as const);
    expect(new Map([...taken].sort())).toEqual(new Map([...whole].sort()));
  });

  it('consume every decoder tensor and list every encoder tensor as unused', () => {
    const decoder = [...vae.keys()].filter((name) => name.startsWith('decoder.'));
    const encoder = [...vae.keys()].filter((name) => name.startsWith('encoder.'));
    const taken = new Set(bound.filter((slot) => slot.component === 'vae').map((slot) => slot.tensor));
    expect([...taken].sort()).toEqual(decoder.sort());
    expect(unused.map((each) => each.tensor).sort()).toEqual(encoder.sort());
    expect(decoder.length + encoder.length).toBe(244);
  });

  it('cut wide MLPs by rows going in and by columns coming out', () => {
    const pick = (part: string, slot: string) => parts.get(part)!.find((each) => each.slot.name === slot)!;
    expect(pick('double_block.7', 'img_mlp.0.1.weight')).toMatchObject({
      tensor: 'transformer_blocks.7.ff.net.0.proj.weight',
      rows: [[6144, 12288]],
      columns: [0, 3072],
    });
    expect(pick('double_block.7', 'txt_mlp.0.1.bias')).toMatchObject({
      tensor: 'transformer_blocks.7.ff_context.net.0.proj.bias',
      rows: [[6144, 12288]],
    });
    expect(pick('double_block.7', 'img_mlp.2.1.weight')).toMatchObject({
      tensor: 'transformer_blocks.7.ff.net.2.weight',
      rows: [[0, 3072]],
      columns: [6144, 12288],
    });
  });

  it('cut a single block’s output projection into attention columns, then MLP columns', () => {
    const columns = (slot: string) => {
      const found = parts.get('single_block.37')!.find((each) => each.slot.name === slot)!;
      expect(found.tensor).toBe('single_transformer_blocks.37.proj_out.weight');
      return found.columns;
    };
    expect(columns('proj_attn.weight')).toEqual([0, 3072]);
    expect(columns('proj_mlp.0.weight')).toEqual([3072, 9216]);
    expect(columns('proj_mlp.1.weight')).toEqual([9216, 15360]);
  });

  it('turn the last adaLN from (scale, shift) to (shift, scale), and no other', () => {
    const swapped = bound.filter((slot) => slot.rows.length > 1).map((slot) => slot.tensor);
    expect(swapped).toEqual(['norm_out.linear.weight', 'norm_out.linear.bias']);
    expect(parts.get('modulation.final')![0]!.rows).toEqual([
      [3072, 6144],
      [0, 3072],
    ]);
  });
});
