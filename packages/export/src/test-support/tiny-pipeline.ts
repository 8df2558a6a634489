import { torchRandn } from '@flux-srpo/core';
import { bytesSink, type Dtype, f32ToF16, writeSafetensors } from '@flux-srpo/formats';
import { f32ToBf16 } from '../../../../test/support/bf16.ts';
import { clipShapes, type Shapes, t5Shapes, transformerShapes, vaeShapes } from './diffusers-shapes.ts';
import { type Files, jsonBytes } from './memory.ts';
import { TINY_CONFIGS, TINY_SIZES, TINY_TOKENIZERS } from './tiny-configs.ts';

export interface Tensor {
  shape: number[];
  values: Float32Array;
}

/** Fills shapes with torch.randn · 0.05, seeded 0, 1, 2, … as they come. */
export function randomTensors(): (shapes: Shapes) => Map<string, Tensor> {
  let seed = 0;
  return (shapes) =>
    new Map(
      [...shapes].map(([name, shape]) => {
        const values = torchRandn(
          seed++,
          shape.reduce((a, b) => a * b, 1),
        );
        return [name, { shape, values: values.map((value) => value * 0.05) }];
      }),
    );
}

export type TinyComponent = 'transformer' | 'text_encoder' | 'text_encoder_2' | 'vae';
export type TinyTensors = Record<TinyComponent, Map<string, Tensor>>;

/** Random tensors for every name, torch.randn · 0.05; different for every name. */
export function tinyTensors(clipPrefix = ''): TinyTensors {
  const fill = randomTensors();
  return {
    transformer: fill(transformerShapes(TINY_SIZES)),
    text_encoder: fill(clipShapes(clipPrefix)),
    text_encoder_2: fill(t5Shapes()),
    vae: fill(vaeShapes()),
  };
}

export async function safetensorsBytes(tensors: Map<string, Tensor>, dtype: Dtype = 'F32'): Promise<Uint8Array> {
  const sink = bytesSink();
  const narrow = { F32: (x: Float32Array) => x, F16: f32ToF16, BF16: f32ToBf16 }[dtype as 'F32'];
  await writeSafetensors(
    sink,
    [...tensors].map(([name, { shape }]) => ({ name, dtype, shape })),
    async ({ name }) => new Uint8Array(narrow(tensors.get(name)!.values).buffer),
  );
  return sink.bytes();
}

/** The folder diffusers would save: configs, one safetensors file a component, tokenizers. */
export async function tinyPipeline(tensors: TinyTensors = tinyTensors()): Promise<Files> {
  const files: Files = new Map();
  for (const [path, json] of Object.entries({ ...TINY_CONFIGS, ...TINY_TOKENIZERS })) files.set(path, jsonBytes(json));
  files.set('tokenizer/merges.txt', new TextEncoder().encode('#version: 0.2\na b</w>\nb a</w>\n'));
  for (const component of ['transformer', 'vae'] as const) {
    files.set(`${component}/diffusion_pytorch_model.safetensors`, await safetensorsBytes(tensors[component]));
  }
  for (const component of ['text_encoder', 'text_encoder_2'] as const) {
    files.set(`${component}/model.safetensors`, await safetensorsBytes(tensors[component]));
  }
  return files;
}
