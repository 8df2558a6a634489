import { type ImageSize, packLatents } from '@flux-srpo/core';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeLatents, decodeStages } from '../../packages/runtime/src/decode/decode-latents.ts';
import { Phase } from '../../packages/runtime/src/parts/phase.ts';
import '../support/allclose.ts';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture, readTensors } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { FP32 } from '../support/parity-case.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// Oracle: diffusers' own AutoencoderKL.tiled_decode on the same latents and weights
// (test/reference/tiled_decode.py). Tiles of this decoder differ from the whole decode by up to 1,
// so a tile in a wrong place, or a wrong blend, is far outside the tolerance.

const PIPELINE = 'c-2x128';
const TILE = 8;
const CASES: readonly [name: string, size: ImageSize, tiles: number][] = [
  ['grid', { width: 112, height: 80 }, 2 * 3],
  ['row', { width: 80, height: 48 }, 2],
];

const fixture = await readPipelineFixture(readNodeFixture, PIPELINE);
const backend = await createNodeBackend({ threads: 1 });
let phase: Phase;

beforeAll(async () => {
  const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
  phase = new Phase(backend, await openInMemory(files), 'decode');
});

afterAll(() => backend.dispose());

describe('a tiled decode', () => {
  it.each(CASES)('is the one of diffusers: %s', async (name, size, tiles) => {
    const { vae } = phase.bundle.manifest.config;
    const file = await readTensors(readNodeFixture, `tiled-decode/${name}.safetensors`);
    const latents = file.get('latents')?.data as Float32Array;
    const grid = { height: size.height / 8, width: size.width / 8 };
    const packed = packLatents(latents, vae.latent_channels, grid);
    let stages = 0;
    phase.begin('keep', {});
    const decoded = await decodeLatents(phase, {
      config: vae,
      latents: packed,
      size,
      tile: TILE,
      onStage: () => stages++,
    });
    const expected = file.get('tiled')?.data as Float32Array;
    expect(decoded).toBeAllclose(expected, FP32.floats);
    expect(stages).toBe(decodeStages(vae, size, TILE));
    expect(stages).toBe(tiles * (vae.block_out_channels.length + 2));
  });

  it('can be stopped between tiles', async () => {
    const { vae } = phase.bundle.manifest.config;
    const controller = new AbortController();
    const size = { width: 112, height: 80 };
    const perTile = decodeStages(vae, size, undefined);
    let stages = 0;
    phase.begin('keep', { signal: controller.signal });
    const latents = new Float32Array((size.width / 16) * (size.height / 16) * 64);
    const onStage = (): void => {
      if (++stages === perTile) controller.abort(new Error('no longer wanted'));
    };
    const decoding = decodeLatents(phase, { config: vae, latents, size, tile: TILE, onStage });
    await expect(decoding).rejects.toThrow('no longer wanted');
    expect(stages).toBe(perTile);
  });
});
