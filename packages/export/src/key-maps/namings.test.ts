import { FLUX1_DEV } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { planParts } from '../graphs/index.ts';
import { bflShapes, bflTransformerNames, toBflVae, toLlamaT5 } from '../test-support/bfl.ts';
import { FLUX1_SIZES, type Shapes, t5Shapes, transformerShapes, vaeShapes } from '../test-support/diffusers-shapes.ts';
import { PUBLISHED_AUTOENCODER, PUBLISHED_TRANSFORMER } from '../test-support/published-tensors.ts';
import type { Tensor } from '../test-support/tiny-pipeline.ts';
import { bindParts } from './bind-parts.ts';
import type { BoundSlot, Range } from './binding.ts';
import type { Component } from './namings.ts';

const DIFFUSERS = transformerShapes(FLUX1_SIZES);
const NAMES = bflTransformerNames(FLUX1_SIZES);
const BFL = bflShapes(NAMES, DIFFUSERS);

/** Part name prefixes of each component. */
const PARTS: Record<Component, RegExp> = {
  transformer: /^(?!clip|t5|vae)/,
  text_encoder: /^clip/,
  text_encoder_2: /^t5/,
  vae: /^vae/,
};

/** Binds one network alone; slots by `part/slot`. */
function bind(component: Component, shapes: Shapes) {
  const parts = planParts(FLUX1_DEV).filter(({ name }) => PARTS[component].test(name));
  const none = { transformer: new Map(), text_encoder: new Map(), text_encoder_2: new Map(), vae: new Map() };
  const tensors = new Map([...shapes].map(([name, shape]) => [name, { shape }]));
  const { parts: bound, unused } = bindParts(parts, { ...none, [component]: tensors });
  const slots = new Map<string, BoundSlot>();
  for (const [part, own] of bound) for (const slot of own) slots.set(`${part}/${slot.slot.name}`, slot);
  return { slots, unused, used: new Set([...slots.values()].map(({ tensor }) => tensor)) };
}

/** Rows of a tensor of diffusers' as rows of BFL's tensor that holds it. */
type Locate = (tensor: string) => { name: string; start: number; isSwapped: boolean };

/** Both namings must take the same numbers for every slot, in the same order. */
function expectSameNumbers(diffusers: Map<string, BoundSlot>, bfl: Map<string, BoundSlot>, locate: Locate): void {
  expect([...bfl.keys()]).toEqual([...diffusers.keys()]);
  for (const [slot, { tensor, rows, columns, rowLength }] of diffusers) {
    const { name, start, isSwapped } = locate(tensor);
    // The slot takes (shift, scale): all of BFL's rows as they are.
    const expected: Range[] = isSwapped ? [[0, 6144]] : rows.map(([from, to]) => [from + start, to + start]);
    const got = bfl.get(slot)!;
    expect({ slot, tensor: got.tensor, rows: got.rows, columns: got.columns, rowLength: got.rowLength }).toEqual({
      slot,
      tensor: name,
      rows: expected,
      columns,
      rowLength,
    });
  }
}

function locateByNames(): Locate {
  const found = new Map<string, ReturnType<Locate>>();
  for (const [name, from] of NAMES) {
    let start = 0;
    for (const each of from) {
      found.set(each, { name, start, isSwapped: each.startsWith('norm_out') });
      start += DIFFUSERS.get(each)![0]!;
    }
  }
  return (tensor) => found.get(tensor)!;
}

describe('FLUX.1 in BFL’s naming', () => {
  it('has 780 tensors, all used, with the same numbers for every slot as diffusers’ 1160', () => {
    expect(BFL.size).toBe(780);
    const diffusers = bind('transformer', DIFFUSERS);
    const bfl = bind('transformer', BFL);
    expect(bfl.used).toEqual(new Set(BFL.keys()));
    expect(bfl.unused).toEqual([]);
    expectSameNumbers(diffusers.slots, bfl.slots, locateByNames());
  });

  it('cuts linear1 into q, k, v and the chunks of the MLP', () => {
    const { slots } = bind('transformer', BFL);
    const rows = (slot: string) => slots.get(`single_block.5/${slot}.weight`)!.rows;
    expect([rows('q'), rows('k'), rows('v'), rows('mlp.0'), rows('mlp.1')]).toEqual([
      [[0, 3072]],
      [[3072, 6144]],
      [[6144, 9216]],
      [[9216, 15360]],
      [[15360, 21504]],
    ]);
  });

  it.each(['img_in.bias', 'double_blocks.18.txt_attn.qkv.weight', 'final_layer.adaLN_modulation.1.bias'])(
    'is refused without %s, by that name',
    (name) => {
      const shapes = new Map(BFL);
      shapes.delete(name);
      expect(() => bind('transformer', shapes)).toThrow(name);
    },
  );

  it('is refused with a tensor that has no place, such as those of a ControlNet', () => {
    const shapes = new Map(BFL).set('controlnet_blocks.0.weight', [3072, 3072]);
    expect(() => bind('transformer', shapes)).toThrow('controlnet_blocks.0.weight');
  });
});

/** Shapes alone as tensors, for the renaming of the tests. */
function renamed(shapes: Shapes, rename: (tensors: Map<string, Tensor>) => Map<string, Tensor>): Shapes {
  const tensors = new Map([...shapes].map(([name, shape]) => [name, { shape, values: new Float32Array(0) }]));
  return new Map([...rename(tensors)].map(([name, { shape }]) => [name, shape]));
}

describe('the other networks in their other namings', () => {
  it('T5-XXL with llama.cpp’s names fills the same slots', () => {
    const sizes = { vocab: 32128, width: 4096, inner: 4096, heads: 64, ff: 10240, layers: 24 };
    const shapes = t5Shapes(sizes);
    const llama = renamed(shapes, toLlamaT5);
    const { slots, used } = bind('text_encoder_2', llama);
    expect(used).toEqual(new Set(llama.keys()));
    expect([...slots.keys()]).toEqual([...bind('text_encoder_2', shapes).slots.keys()]);
    expect(slots.get('t5_layer.23/wi_1.weight')?.tensor).toBe('enc.blk.23.ffn_up.weight');
  });

  it('the autoencoder with BFL’s names fills the same slots, levels counted the other way', () => {
    const shapes = vaeShapes([128, 256, 512, 512], 2);
    const bfl = renamed(shapes, toBflVae);
    const { slots, unused } = bind('vae', bfl);
    expect([...slots.keys()]).toEqual([...bind('vae', shapes).slots.keys()]);
    expect(slots.get('vae_up.0/res_2.conv1.weight')?.tensor).toBe('decoder.up.3.block.2.conv1.weight');
    expect(slots.get('vae_up.2/res_0.shortcut.weight')?.tensor).toBe('decoder.up.1.block.0.nin_shortcut.weight');
    expect(unused.map(({ tensor }) => tensor)).toEqual(['encoder.conv_in.weight', 'encoder.conv_in.bias']);
  });
});

describe('the published lists of tensors', () => {
  it('map all 780 names of BFL’s transformer to the rows that diffusers’ have', () => {
    const listed = new Map(Object.entries(PUBLISHED_TRANSFORMER).map(([name, { shape }]) => [name, shape]));
    expect(listed.size).toBe(780);
    const places = new Map<string, ReturnType<Locate>>();
    for (const [name, { diffusers }] of Object.entries(PUBLISHED_TRANSFORMER)) {
      for (const each of diffusers) {
        places.set(each.name, { name, start: each.rows[0], isSwapped: each.swap_halves === true });
      }
    }
    const bfl = bind('transformer', listed);
    expect(bfl.used).toEqual(new Set(listed.keys()));
    expectSameNumbers(bind('transformer', DIFFUSERS).slots, bfl.slots, (tensor) => places.get(tensor)!);
  });

  it('map all 244 names of BFL’s autoencoder to diffusers’', () => {
    const entries = Object.entries(PUBLISHED_AUTOENCODER);
    expect(entries).toHaveLength(244);
    const bfl = bind('vae', new Map(entries.map(([name, { shape }]) => [name, shape])));
    const diffusers = bind('vae', new Map(entries.map(([, each]) => [each.diffusers, each.diffusers_shape])));
    for (const [slot, { tensor }] of bfl.slots) {
      expect([slot, PUBLISHED_AUTOENCODER[tensor]?.diffusers]).toEqual([slot, diffusers.slots.get(slot)?.tensor]);
    }
    expect(bfl.unused).toHaveLength(diffusers.unused.length);
  });
});
