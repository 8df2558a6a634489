import type { KeyRule } from '../key-maps/rules.ts';

function weight(part: string, slot: string, from: string, cut?: 'rows' | 'columns'): KeyRule {
  return { part, slot: `${slot}.weight`, from: `${from}.weight`, ...(cut && { cut }) };
}

function stream(name: 'img' | 'txt', number: 1 | 2): KeyRule[] {
  const [part, from] = ['double_block.{i}', 'double_blocks.{i}.processor'];
  return [
    ...['q', 'k', 'v'].map((each) => weight(part, `${name}_attn.${each}`, `${from}.qkv_lora${number}`, 'rows')),
    weight(part, `${name}_attn.proj`, `${from}.proj_lora${number}`),
  ];
}

/**
 * XLabs' LoRAs. In single blocks they change q, k and v, but not the MLP's part of linear1.
 * @see https://github.com/XLabs-AI/x-flux/blob/433b0b2/src/flux/modules/layers.py `DoubleStreamBlockLoraProcessor`
 */
export const XLABS_KEYS: readonly KeyRule[] = [
  ...stream('img', 1),
  ...stream('txt', 2),
  ...['q', 'k', 'v'].map((each) => weight('single_block.{i}', each, 'single_blocks.{i}.processor.qkv_lora', 'rows')),
  weight('single_block.{i}', 'proj_attn', 'single_blocks.{i}.processor.proj_lora', 'columns'),
  weight('single_block.{i}', 'proj_mlp', 'single_blocks.{i}.processor.proj_lora', 'columns'),
];
