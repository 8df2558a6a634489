import { caption } from './captions.ts';
import type { Scene } from './grammar.ts';
import { isHeldOut } from './grammar.ts';
import { random } from './random.ts';
import type { Size, World } from './worlds.ts';
import { allScenes, EMBEDDED, ONE_THING, randomScene } from './worlds.ts';

export interface Prompt {
  prompt: string;
  scene: Scene;
  size: Size;
  heldOut: boolean;
}

/**
 * The prompts of the adherence test: `count` scenes, held out or not, shuffled by `seed`, over the
 * three sizes in turn. The kinds are dealt evenly (a plain shuffle would ask for few boats), and in
 * a world with pairs every second scene is one.
 */
export function testPrompts(count: number, heldOut: boolean, seed = 1, world: World = EMBEDDED): Prompt[] {
  const next = random(seed * 7919 + (heldOut ? 1 : 0));
  const scene = world === ONE_THING ? dealt(heldOut, next) : sampled(world, heldOut, next);
  return Array.from({ length: count }, (_, i) => {
    const asked = scene(i);
    return { prompt: caption(asked), scene: asked, size: world.sizes[i % 3] as Size, heldOut };
  });
}

/** From the list of all scenes, none twice before all of its kind were asked. */
function dealt(heldOut: boolean, next: () => number): (index: number) => Scene {
  const piles = ONE_THING.kinds
    .map((kind) =>
      allScenes()
        .filter((scene) => scene.kind === kind && isHeldOut(scene) === heldOut)
        .map((scene) => ({ scene, order: next() }))
        .sort((a, b) => a.order - b.order),
    )
    .filter((pile) => pile.length > 0);
  return (i) => {
    const pile = piles[i % piles.length] as { scene: Scene }[];
    return (pile[Math.floor(i / piles.length) % pile.length] as { scene: Scene }).scene;
  };
}

/** Each kind comes as often, alone and first of two (the number of kinds is odd). */
function sampled(world: World, heldOut: boolean, next: () => number): (index: number) => Scene {
  return (i) => {
    for (;;) {
      const scene = randomScene(world, next, world.kinds[i % world.kinds.length], i % 2 === 1);
      if (isHeldOut(scene) === heldOut) return scene;
    }
  };
}
