// What decoding in tiles changes in the picture.
//
//   npx tsx bench/tiles.ts [--bundle models/tiny/bundle] [--tiles 64,48,32] [--rows 10]
//                          [--columns 7]
//
// One JSON line per tile size. Latents of generated pictures are laid side by side, so that one
// canvas needs several tiles, and decoded both whole and in tiles. `psnr` (dB) compares the two
// over pixels in [−1, 1]. `seams` is the mean step from pixel to pixel across the lines where a
// tile begins or has fully faded in, divided by the same mean of the whole decode: 1 means that no
// seam shows.

import { parseArgs } from 'node:util';
import { decodeTiles, type ImageSize, latentGrid, packLatents, tileBlend, unpackLatents } from '@flux-srpo/core';
import { createPipeline, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { testPrompts } from '../models/tiny/scenes/prompts.ts';
import { decodeLatents } from '../packages/runtime/src/decode/decode-latents.ts';
import { Phase } from '../packages/runtime/src/parts/phase.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: 'models/tiny/bundle' },
    tiles: { type: 'string', default: '64,48,32' },
    rows: { type: 'string', default: '10' },
    columns: { type: 'string', default: '7' },
    steps: { type: 'string', default: '8' },
  },
});
const [rows, columns, steps] = [Number(values.rows), Number(values.columns), Number(values.steps)];

const bundle = await openBundle(folderBundle(values.bundle));
const { vae } = bundle.manifest.config;
const backend = await createNodeBackend({ threads: 1 });
const pipeline = await createPipeline({ bundle, backend });
const cell = bundle.manifest.sizes[bundle.manifest.defaults.size];
const canvas: ImageSize = { width: columns * cell.width, height: rows * cell.height };
const grid = latentGrid(canvas);
const cellGrid = latentGrid(cell);

const latents = new Float32Array(vae.latent_channels * grid.height * grid.width);
for (const [i, { prompt }] of testPrompts(rows * columns, true).entries()) {
  await pipeline.generate(
    { prompt, size: cell, seed: i, steps },
    {
      onTensor: (name, _shape, data) => {
        if (name !== `latents_${String(steps).padStart(3, '0')}`) return;
        const picture = unpackLatents(data, vae.latent_channels, cellGrid);
        const [top, left] = [Math.floor(i / columns) * cellGrid.height, (i % columns) * cellGrid.width];
        for (let row = 0; row < vae.latent_channels * cellGrid.height; row++) {
          const [channel, y] = [Math.floor(row / cellGrid.height), row % cellGrid.height];
          const target = (channel * grid.height + top + y) * grid.width + left;
          latents.set(picture.subarray(row * cellGrid.width, (row + 1) * cellGrid.width), target);
        }
      },
    },
  );
}

const phase = new Phase(backend, bundle, 'decode');
phase.begin('keep', {});
const packed = packLatents(latents, vae.latent_channels, grid);
const decode = (tile: number | undefined) =>
  decodeLatents(phase, { config: vae, latents: packed, size: canvas, tile, onStage: () => undefined });

/** Mean |step| from the pixel before to each of these columns and rows. */
function stepsAt(picture: Float32Array, lines: { columns: Set<number>; rows: Set<number> }): number {
  const { width, height } = canvas;
  let sum = 0;
  let count = 0;
  for (const [i, value] of picture.entries()) {
    const [x, y] = [i % width, Math.floor(i / width) % height];
    if (lines.columns.has(x)) sum += Math.abs(value - (picture[i - 1] as number));
    if (lines.rows.has(y)) sum += Math.abs(value - (picture[i - width] as number));
    count += Number(lines.columns.has(x)) + Number(lines.rows.has(y));
  }
  return sum / count;
}

const whole = await decode(undefined);
for (const tile of values.tiles.split(',').map(Number)) {
  const tiled = await decode(tile);
  let squares = 0;
  let largest = 0;
  for (const [i, value] of tiled.entries()) {
    const difference = Math.abs(value - (whole[i] as number));
    squares += difference ** 2;
    largest = Math.max(largest, difference);
  }
  const places = decodeTiles(grid, tile).flat();
  const lines = (start: (place: (typeof places)[number]) => number, end: number) =>
    new Set(
      places
        .flatMap((place) => (start(place) === 0 ? [] : [8 * start(place), 8 * start(place) + tileBlend(tile)]))
        .filter((line) => line < end),
    );
  const seams = {
    columns: lines(({ left }) => left, canvas.width),
    rows: lines(({ top }) => top, canvas.height),
  };
  const record = {
    canvas: `${canvas.width}x${canvas.height}`,
    tile: 8 * tile,
    tiles: places.length,
    psnr: Number((10 * Math.log10(4 / (squares / tiled.length))).toFixed(1)),
    rms: Number(Math.sqrt(squares / tiled.length).toFixed(4)),
    largest: Number(largest.toFixed(3)),
    seams: Number((stepsAt(tiled, seams) / stepsAt(whole, seams)).toFixed(3)),
  };
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
await phase.close();
await pipeline.dispose();
