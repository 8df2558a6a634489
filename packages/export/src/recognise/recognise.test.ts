import { InputError } from '@flux-srpo/core';
import { bytesSource } from '@flux-srpo/formats';
import { describe, expect, it, vi } from 'vitest';
import { convertPipeline } from '../convert/convert.ts';
import { inspectTensorFile } from '../inspect/inspect-tensor-file.ts';
import { combineSources } from '../sources/combine-sources.ts';
import { type RawTensor, rawGguf, rawSafetensors, sourceFile } from '../test-support/checkpoint-files.ts';
import { jsonBytes, memoryBundle, memorySource } from '../test-support/memory.ts';
import { TINY_CONFIGS } from '../test-support/tiny-configs.ts';
import { tinyPipeline } from '../test-support/tiny-pipeline.ts';
import { KINDS } from './kinds.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const text = (value: string) => new TextEncoder().encode(value);

/** Zeros in a shape; U8 by default. */
function tensor(shape: number[], dtype = 'U8', bytes = 1): RawTensor {
  return { dtype, shape, bytes: new Uint8Array(shape.reduce((product, dim) => product * dim, bytes)) };
}

const named = (...names: string[]) => rawSafetensors(new Map(names.map((name) => [name, tensor([1])])));
const matrix = (name: string, columns: number) => rawSafetensors(new Map([[name, tensor([4, columns])]]));

const POINTER = `version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 23802947056
`;

/** Real names of such files, from their publishers' repositories. */
const FILES: [kind: string, file: string, bytes: Uint8Array | Promise<Uint8Array>, words: string][] = [
  ['lfs-pointer', 'flux1-dev.safetensors', text(POINTER), 'git lfs pull'],
  ['web-page', 'flux1-dev.safetensors', text('<!DOCTYPE html>\n<html class="">'), 'accept the licence'],
  ['web-page', 'ae.safetensors', text('\n  <html><head>'), 'accept the licence'],
  ['error-answer', 'ae.safetensors', text('{"error":"Invalid username or password."}'), 'error message'],
  ['pickle', 'flux.bin', Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9), 'safetensors or GGUF'],
  ['pickle', 'flux.pt', text('PK\u0003\u0004\u0000\u0000\u0008\u0008\u0000'), 'safetensors or GGUF'],
  ['nf4', 'f.sft', named('a.weight', 'a.weight.quant_state.bitsandbytes__nf4'), 'Q4_K_S'],
  ['nf4', 'f.sft', named('a.weight', 'a.weight.quant_map', 'a.weight.absmax'), 'Q4_K_S'],
  ['bitsandbytes-int8', 'f.sft', named('transformer_blocks.0.attn.to_q.SCB'), 'Q8_0'],
  ['svdquant', 'f.sft', named('a.qweight', 'a.wscales', 'a.lora_down', 'a.smooth'), 'Q4_K_S'],
  ['gptq', 'f.sft', named('a.qweight', 'a.qzeros', 'a.scales'), 'Q4_K_S'],
  ['quanto', 'f.sft', named('x_embedder.weight._data', 'x_embedder.weight._scale'), 'bf16'],
  ['nvfp4', 'f.sft', named('a.weight', 'a.weight_scale', 'a.weight_scale_2'), 'bf16'],
  ['fp8-blocks', 'f.sft', named('a.weight', 'a.weight_scale_inv'), 'one scale a layer'],
  ['fp8-blocks', 'f.sft', rawSafetensors(new Map([['a', tensor([4], 'F8_E8M0')]])), 'one scale a layer'],
  ['lora', 'turbo.safetensors', named('transformer.x_embedder.lora_A.weight'), 'as a LoRA'],
  ['lora', 'style.safetensors', named('lora_unet_double_blocks_0_img_mod_lin.alpha'), 'as a LoRA'],
  ['chroma', 'c.gguf', rawGguf(new Map([['distilled_guidance_layer.in_proj.bias', tensor([8], 'F32', 4)]])), '[dev]'],
  ['chroma', 'c.sft', named('model.diffusion_model.distilled_guidance_layer.norms.0.scale'), '[dev]'],
  ['flux2', 'f.sft', named('double_stream_modulation_img.lin.weight', 'img_in.weight'), '[dev]'],
  ['flux2', 'f.sft', named('single_stream_modulation.linear.weight'), '[dev]'],
  ['fill', 'f.sft', matrix('img_in.weight', 384), 'paints into a picture'],
  ['fill', 'f.sft', matrix('x_embedder.weight', 384), 'paints into a picture'],
  ['control', 'f.sft', matrix('model.diffusion_model.img_in.weight', 128), 'Depth or Canny'],
  ['kontext', 'flux1-dev-kontext_fp8_scaled.safetensors', matrix('img_in.weight', 64), 'Kontext'],
  ['redux', 'f.sft', named('redux_up.weight', 'redux_down.weight'), 'Redux'],
  ['controlnet', 'f.sft', named('controlnet_blocks.0.weight', 'x_embedder.weight'), 'ControlNet'],
  ['stable-diffusion', 'f.sft', named('model.diffusion_model.input_blocks.0.0.weight'), 'Stable Diffusion'],
  ['stable-diffusion', 'f.sft', named('down_blocks.0.resnets.0.conv1.weight'), 'Stable Diffusion'],
  ['stable-diffusion', 'f.sft', named('joint_blocks.0.context_block.attn.qkv.weight'), 'Stable Diffusion'],
];

describe('a file that cannot be used is refused by what it is', () => {
  it.each(FILES)('%s: %s', async (kind, name, bytes, words) => {
    const bundle = memoryBundle();
    const files = { transformer: sourceFile(name, await bytes) };
    const source = await combineSources({ folder: memorySource(await tinyPipeline()), files });
    const error: unknown = await convertPipeline(source, bundle, { dtype: 'q8' }).catch((reason) => reason);
    if (!(error instanceof InputError)) throw error;
    expect(error).toMatchObject({ code: 'input/file-unsupported', details: { kind } });
    expect(error.message).toContain(`transformer/${name} is `);
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('\n');
    expect([bundle.state, bundle.files.size]).toEqual(['aborted', 0]);
  });

  const WITH_TENSORS = FILES.filter(([kind]) => !['lfs-pointer', 'web-page', 'error-answer', 'pickle'].includes(kind));

  it.each(WITH_TENSORS)('%s: %s, also where it is only looked at', async (kind, name, bytes, words) => {
    const report = await inspectTensorFile(bytesSource(await bytes, name));
    expect(report.refused).toContain(words);
    const files = { transformer: sourceFile(name, await bytes) };
    // Nothing else is given. The file's kind is told before what is missing beside it.
    await expect(combineSources({ files })).rejects.toMatchObject({ details: { kind } });
  });

  it('and nothing is said of one that can be used', async () => {
    const bytes = await matrix('img_in.weight', 64);
    expect(await inspectTensorFile(bytesSource(bytes, 'f.sft'))).not.toHaveProperty('refused');
    const files = { transformer: sourceFile('f.sft', bytes) };
    await expect(combineSources({ files })).rejects.toThrow('missing: text_encoder, text_encoder_2, vae, tokenizers');
  });

  it.each(['nf4', 'bitsandbytes-int8', 'svdquant', 'gptq', 'quanto', 'nvfp4', 'fp8-blocks'])(
    '%s, also where it is given as a LoRA',
    async (kind) => {
      const [, name, bytes] = FILES.find(([each]) => each === kind)!;
      const loras = [{ file: sourceFile(name, await bytes), strength: 1 }];
      const converting = convertPipeline(memorySource(await tinyPipeline()), memoryBundle(), { dtype: 'q8', loras });
      await expect(converting).rejects.toMatchObject({ code: 'input/file-unsupported', details: { kind } });
    },
  );

  it('by the title in its metadata, where tensors do not differ', async () => {
    const img = new Map([['img_in.weight', tensor([4, 64])]]);
    const bytes = await rawSafetensors(img, { 'modelspec.title': 'Flux.1 Kontext [dev]' });
    const files = { transformer: sourceFile('model.safetensors', bytes) };
    const source = await combineSources({ folder: memorySource(await tinyPipeline()), files });
    const converting = convertPipeline(source, memoryBundle(), { dtype: 'q8' });
    await expect(converting).rejects.toMatchObject({ details: { kind: 'kontext', mark: 'Flux.1 Kontext [dev]' } });
  });

  it.each([
    ['empty', new Uint8Array(0), 'is empty; download it again'],
    ['a beginning of safetensors', matrix('img_in.weight', 64).then((bytes) => bytes.slice(0, 40)), 'at 40 bytes'],
    ['all but its last byte', matrix('img_in.weight', 64).then((bytes) => bytes.slice(0, -1)), 'cut short'],
    ['a GGUF without its end', rawGguf(new Map([['a', tensor([64], 'F32', 4)]])).slice(0, -32), 'cut short'],
  ])('%s, as cut short', async (_, bytes, words) => {
    const opening = inspectTensorFile(bytesSource(await bytes, 'flux.safetensors'));
    await expect(opening).rejects.toMatchObject({
      name: 'InputError',
      code: 'input/file-unsupported',
      details: { kind: 'cut-short' },
      message: expect.stringContaining(words),
    });
  });

  it.each(KINDS.flatMap(({ kind, marks }) => (marks.pipelines ?? []).map((pipeline) => [kind, pipeline] as const)))(
    '%s, a folder of a %s',
    async (kind, _class_name) => {
      const files = await tinyPipeline();
      files.set('model_index.json', jsonBytes({ ...TINY_CONFIGS['model_index.json'], _class_name }));
      const converting = convertPipeline(memorySource(files), memoryBundle(), { dtype: 'q8' });
      await expect(converting).rejects.toMatchObject({ code: 'input/file-unsupported', details: { kind } });
    },
  );

  it.each([640, 896, 66_176])(
    'but not safetensors with a header of %d bytes, which begin as pickles do',
    async (size) => {
      const json = text(JSON.stringify({ a: { dtype: 'U8', shape: [0], data_offsets: [0, 0] } }).padEnd(size));
      const bytes = new Uint8Array(8 + size);
      new DataView(bytes.buffer).setUint32(0, size, true);
      bytes.set(json, 8);
      expect([bytes[0], bytes[1]! < 6]).toEqual([0x80, true]);
      expect((await inspectTensorFile(bytesSource(bytes, 'a'))).tensors).toHaveLength(1);
    },
  );

  it('with nothing in its message that the file could break', async () => {
    const bytes = await named(`${'x'.repeat(5000)}.SCB`);
    const files = { transformer: sourceFile('f.sft', bytes) };
    const source = await combineSources({ folder: memorySource(await tinyPipeline()), files });
    const error = await convertPipeline(source, memoryBundle(), { dtype: 'q8' }).catch((reason) => reason);
    expect(error.details.mark).toHaveLength(120);
  });
});
