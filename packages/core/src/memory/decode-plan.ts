import { type Grid, latentGrid } from '../picture/geometry.ts';
import { DEFAULT_MEMORY_BUDGET } from './budget.ts';
import { DECODE_TILES, decodeTiles } from './decode-tiles.ts';
import { decodeWork } from './decode-work.ts';
import type { PlanInput } from './plan-types.ts';
import { BUFFER_LIMITS } from './refusals.ts';
import type { Work } from './work-options.ts';

/**
 * How the picture is decoded: whole where that fits, else in the largest tiles that fit, else in
 * the smallest tiles.
 * @param weights bytes of the decoder's weights
 * @returns the decoder's work buffers, and the side of its tiles in latents where it has tiles
 */
export function planDecode(input: PlanInput, weights: number): Work & { tile?: number } {
  const { config, size, target = DEFAULT_MEMORY_BUDGET, budget = target, limits } = input;
  const largestAllowed = Math.min(...BUFFER_LIMITS.map((limit) => limits?.[limit] ?? Number.POSITIVE_INFINITY));
  const grid = latentGrid(size);
  let chosen: Work & { tile?: number } = decodeWork(config.vae, [grid]);
  for (const tile of DECODE_TILES) {
    if (weights + chosen.bytes <= budget && chosen.largest <= largestAllowed) break;
    if (tile >= Math.max(grid.height, grid.width)) continue;
    chosen = { ...decodeWork(config.vae, oneOfEachShape(decodeTiles(grid, tile).flat())), tile };
  }
  return chosen;
}

/** What the first tile of a shape leaves in the pool, the others of that shape use again. */
function oneOfEachShape(grids: readonly Grid[]): Grid[] {
  return [...new Map(grids.map((grid) => [`${grid.height} ${grid.width}`, grid])).values()];
}
