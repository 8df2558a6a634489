import { FLUX1_DEV } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { planParts } from '../graphs/index.ts';
import { elementCount } from '../inspect/inspect-tensor-file.ts';
import { FLUX1_SIZES, type Shapes, transformerShapes } from '../test-support/diffusers-shapes.ts';
import { PUBLISHED_AUTOENCODER, PUBLISHED_TRANSFORMER } from '../test-support/published-tensors.ts';
import { bindParts } from './bind-parts.ts';
import type { Binding } from './binding.ts';
import type { Component, TensorShapes } from './namings.ts';

/** FLUX.1's transformer in diffusers' naming, as the published list has it. */
function listedTransformer(): Shapes {
  const shapes: Shapes = new Map();
  for (const { shape, diffusers } of Object.values(PUBLISHED_TRANSFORMER)) {
    for (const { name, rows } of diffusers) shapes.set(name, [rows[1] - rows[0], ...shape.slice(1)]);
  }
  return shapes;
}

/** FLUX.1's autoencoder in diffusers' naming, as the published list has it. */
function listedVae(): Shapes {
  return new Map(Object.values(PUBLISHED_AUTOENCODER).map((tensor) => [tensor.diffusers, tensor.diffusers_shape]));
}

const FLUX1_TRANSFORMER = transformerShapes(FLUX1_SIZES);

/** Binds the parts of one network alone. */
function bindAlone(component: 'transformer' | 'vae', shapes: Shapes): Binding {
  const isVae = component === 'vae';
  const parts = planParts(FLUX1_DEV).filter(
    ({ name }) => !/^(clip|t5)_/.test(name) && name.startsWith('vae_') === isVae,
  );
  const checkpoints: Record<Component, TensorShapes> = {
    transformer: new Map(),
    vae: new Map(),
    text_encoder: new Map(),
    text_encoder_2: new Map(),
  };
  checkpoints[component] = new Map([...shapes].map(([name, shape]) => [name, { shape }]));
  return bindParts(parts, checkpoints);
}

/** How many numbers of each tensor the slots take, sorted by name. */
function takenCounts({ parts }: Binding): [string, number][] {
  const taken = new Map<string, number>();
  for (const { tensor, slot } of [...parts.values()].flat()) {
    taken.set(tensor, (taken.get(tensor) ?? 0) + elementCount(slot.shape));
  }
  return [...taken].sort(byName);
}

function wholeCounts(shapes: Shapes): [string, number][] {
  return [...shapes].map(([name, shape]): [string, number] => [name, elementCount(shape)]).sort(byName);
}

function byName([a]: [string, number], [b]: [string, number]): number {
  return a < b ? -1 : 1;
}

describe('the key maps on FLUX.1', () => {
  const binding = bindAlone('transformer', FLUX1_TRANSFORMER);
  const find = (part: string, slot: string) => binding.parts.get(part)!.find((each) => each.slot.name === slot)!;

  it('consume every transformer tensor, all of it and nothing twice', () => {
    expect(FLUX1_TRANSFORMER.size).toBe(1160);
    expect(takenCounts(binding)).toEqual(wholeCounts(FLUX1_TRANSFORMER));
    expect(binding.unused).toEqual([]);
  });

  it('cut wide MLPs by rows going in and by columns coming out', () => {
    expect(find('double_block.7', 'img_mlp.0.1.weight')).toMatchObject({
      tensor: 'transformer_blocks.7.ff.net.0.proj.weight',
      rows: [[6144, 12288]],
      columns: [0, 3072],
    });
    expect(find('double_block.7', 'txt_mlp.0.1.bias')).toMatchObject({
      tensor: 'transformer_blocks.7.ff_context.net.0.proj.bias',
      rows: [[6144, 12288]],
    });
    expect(find('double_block.7', 'img_mlp.2.1.weight')).toMatchObject({
      tensor: 'transformer_blocks.7.ff.net.2.weight',
      rows: [[0, 3072]],
      columns: [6144, 12288],
    });
  });

  it('cut a single block’s output projection into attention columns, then MLP columns', () => {
    const columns = (slot: string) => {
      const found = find('single_block.37', slot);
      expect(found.tensor).toBe('single_transformer_blocks.37.proj_out.weight');
      return found.columns;
    };
    expect(columns('proj_attn.weight')).toEqual([0, 3072]);
    expect(columns('proj_mlp.0.weight')).toEqual([3072, 9216]);
    expect(columns('proj_mlp.1.weight')).toEqual([9216, 15360]);
  });

  it('turn the last adaLN from (scale, shift) to (shift, scale), and no other', () => {
    const swapped = [...binding.parts.values()].flat().filter((slot) => slot.rows.length > 1);
    expect(swapped.map((slot) => slot.tensor)).toEqual(['norm_out.linear.weight', 'norm_out.linear.bias']);
    expect(find('modulation.final', 'lin.weight').rows).toEqual([
      [3072, 6144],
      [0, 3072],
    ]);
  });
});

describe('the key maps on the published lists of tensors', () => {
  it('consume all 1160 transformer tensors', () => {
    const listed = listedTransformer();
    expect(listed.size).toBe(1160);
    expect(takenCounts(bindAlone('transformer', listed))).toEqual(wholeCounts(listed));
  });

  it('consume every decoder tensor and list every encoder tensor as unused', () => {
    const listed = listedVae();
    expect(listed.size).toBe(244);
    const binding = bindAlone('vae', listed);
    const decoder = new Map([...listed].filter(([name]) => name.startsWith('decoder.')));
    expect(takenCounts(binding)).toEqual(wholeCounts(decoder));
    const encoder = [...listed.keys()].filter((name) => name.startsWith('encoder.'));
    expect(binding.unused.map((each) => each.tensor).sort()).toEqual(encoder.sort());
  });
});
