import { beforeAll, describe, expect, it } from 'vitest';
import { checkPicture, type Reading } from './check.ts';
import { drawScene } from './draw.ts';
import type { Scene } from './grammar.ts';
import { testPrompts } from './prompts.ts';
import { ATTRIBUTES, summarise } from './score.ts';
import { SIZES } from './sizes.ts';

// The checker's controls. Oracle: the renderer, which was told what to draw.

/**
 * `npm run test:full` draws several times as many, in all three shapes (most of the time is
 * templates).
 */
const FULL = Boolean(process.env.TEST_FULL);
/** The templates of the whole grammar take ten seconds of one core. */
const BUSY_MACHINE_MS = 300_000;

const [, landscape] = SIZES;
const [count, sizes] = FULL ? [132, SIZES] : [22, [landscape]];

describe('of rendered scenes', () => {
  let pairs: { read: Reading; asked: Scene }[];
  beforeAll(() => {
    pairs = testPrompts(count, true, 7, sizes).map(({ scene, size }, i) => {
      const { rgb, width, height } = drawScene(scene, size, { seed: 5000 + i });
      return { read: checkPicture(rgb, width, height), asked: scene };
    });
  }, BUSY_MACHINE_MS);

  it('reads back what was drawn', () => {
    const { attributes, mean, all } = summarise(pairs);
    // 132 of 132 were right; one miss is left for other machines' last bits.
    expect(mean).toBeGreaterThanOrEqual(0.99);
    expect(all).toBeGreaterThanOrEqual(1 - 1 / count);
    for (const attribute of ATTRIBUTES) expect(attributes[attribute]).toBeGreaterThanOrEqual(1 - 1 / count);
  });

  it('finds the edges of what was drawn as steep as the renderer draws them', () => {
    const { edges } = summarise(pairs);
    // Sizes and places vary, and with them where an edge falls between two pixels.
    expect(edges).toBeGreaterThan(0.97);
    expect(edges).toBeLessThan(1.03);
  });

  it('does not read what was not drawn', () => {
    // The same pictures against the next but two one's scene, which has another kind.
    const others = pairs.map(({ read }, i) => ({ read, asked: pairs[(i + 3) % pairs.length]!.asked }));
    const { attributes, all } = summarise(others);
    expect(all).toBe(0);
    expect(attributes.kind).toBeLessThan(0.15);
    // A guess of the commonest of three hits a third; of weather and size, a half.
    for (const attribute of ['colour', 'position', 'time', 'ground'] as const)
      expect(attributes[attribute]).toBeLessThan(0.45);
  });
});

it('says none where there is nothing, and where there is no scene', () => {
  const scene = { kind: 'cat', colour: 'red', position: 'middle', time: 'day', ground: 'meadow' } as const;
  const { rgb, width, height } = drawScene(scene, landscape, { things: false });
  expect(checkPicture(rgb, width, height)).toMatchObject({ kind: 'none', colour: 'none', time: 'day' });
  expect(checkPicture(new Uint8Array(rgb.length).fill(255), width, height)).toMatchObject({ time: 'none' });
});

it('finds soft edges soft', () => {
  const scene = { kind: 'cat', colour: 'red', position: 'middle', time: 'day', ground: 'meadow' } as const;
  const { rgb, width, height } = drawScene(scene, landscape);
  const soft = rgb.map((value, i) => (value + (rgb[i - 3] ?? value) + (rgb[i + 3] ?? value)) / 3);
  const [sharp, blurred] = [rgb, soft].map((pixels) => checkPicture(pixels, width, height).edges);
  expect(sharp).toBe(1);
  // Averaged over three pixels of a row, an upright edge is a third as steep, a level one as
  // before.
  expect(blurred).toBeGreaterThan(0.4);
  expect(blurred).toBeLessThan(0.8);
});

it('refuses bytes of another size', () => {
  expect(() => checkPicture(new Uint8Array(7), 96, 96)).toThrow('expected 96x96 RGB or RGBA bytes, got 7');
});
