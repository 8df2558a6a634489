import { caption } from './captions.ts';
import { isHeldOut, KINDS, type Scene } from './grammar.ts';
import { random } from './random.ts';
import { randomScene } from './random-scene.ts';
import { SIZES, type Size } from './sizes.ts';

export interface Prompt {
  prompt: string;
  scene: Scene;
  size: Size;
  heldOut: boolean;
}

/**
 * The prompts of the adherence test: `count` scenes, held out or not, drawn by `seed`, over the
 * sizes in turn. Every second one has two things, and each kind comes as often, alone and first of
 * two (the number of kinds is odd).
 */
export function testPrompts(count: number, heldOut: boolean, seed = 1, sizes: readonly Size[] = SIZES): Prompt[] {
  const next = random(seed * 7919 + (heldOut ? 1 : 0));
  return Array.from({ length: count }, (_, i) => {
    const scene = sceneOf(i, heldOut, next);
    return { prompt: caption(scene), scene, size: sizes[i % sizes.length]!, heldOut };
  });
}

function sceneOf(index: number, heldOut: boolean, next: () => number): Scene {
  for (;;) {
    const scene = randomScene(next, KINDS[index % KINDS.length], index % 2 === 1);
    if (isHeldOut(scene) === heldOut) return scene;
  }
}
