import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { caption, variedCaption } from './captions.ts';
import { drawScene } from './draw.ts';
import { isHeldOut, isPossible, KINDS, type Scene } from './grammar.ts';
import { testPrompts } from './prompts.ts';
import { random } from './random.ts';
import { randomScene } from './random-scene.ts';
import { SIZES } from './sizes.ts';

const scenes = (count: number, seed = 1): Scene[] => {
  const next = random(seed);
  return Array.from({ length: count }, () => randomScene(next));
};

it('draws what the committed bundle was trained on as it was', () => {
  // Oracle: the digest of pictures of the renderer that drew the bundle's data.
  const digest = createHash('sha256');
  for (const [i, scene] of scenes(60).entries()) digest.update(drawScene(scene, SIZES[i % 3]!, { seed: i }).rgb);
  expect(digest.digest('hex')).toBe('de842debfefe54b35e0057b0032b22ec1a0f741f1967e3a2bb5fbe148f012b1a');
});

it('makes only scenes that are possible, without twins', () => {
  for (const scene of scenes(2000)) {
    expect(isPossible(scene)).toBe(true);
    const { kind, colour, beside } = scene;
    expect(beside).not.toMatchObject({ kind, colour });
  }
});

it('makes of all of the grammar about as often as was asked', () => {
  const made = scenes(4000);
  const share = (of: (scene: Scene) => boolean): number => made.filter(of).length / made.length;
  // Three standard deviations of a share of 0.5 in 4000 are 0.024.
  expect(Math.abs(share(({ beside }) => beside !== undefined) - 0.5)).toBeLessThan(0.024);
  expect(Math.abs(share(({ weather }) => weather !== undefined) - 0.5)).toBeLessThan(0.024);
  for (const kind of KINDS) expect(share((scene) => scene.kind === kind)).toBeGreaterThan(0.07);
});

describe('held-out scenes', () => {
  it('are an eighth', () => {
    const share = scenes(8000).filter(isHeldOut).length / 8000;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.16);
  });

  it('are held out at every hour, in every weather and size, and of two from either side', () => {
    for (const scene of scenes(500)) {
      expect(isHeldOut({ ...scene, time: 'night', weather: 'rain', scale: 'large' })).toBe(isHeldOut(scene));
      if (!scene.beside) continue;
      const { kind, colour, beside } = scene;
      expect(isHeldOut({ ...scene, ...beside, beside: { kind, colour }, ground: 'sea' })).toBe(isHeldOut(scene));
    }
  });

  it('leave every pair of kind, colour and ground in training', () => {
    const trained = new Set(
      scenes(40_000)
        .filter((scene) => !isHeldOut(scene))
        .flatMap(({ kind, colour, ground, position, beside }) => [
          ...(beside
            ? []
            : [`${kind} ${colour} ${ground}`, `${kind} ${colour} ${position}`, `${kind} ${ground} ${position}`]),
          ...(beside ? [`${kind} beside ${beside.kind}`] : []),
        ]),
    );
    for (const kind of KINDS) {
      for (const other of KINDS) expect(trained).toContain(`${kind} beside ${other}`);
      if (kind === 'boat') continue;
      for (const colour of ['red', 'orange', 'yellow', 'green', 'blue', 'pink'])
        for (const place of ['meadow', 'snow', 'sea', 'desert', 'left', 'middle', 'right'])
          expect(trained).toContain(`${kind} ${colour} ${place}`);
    }
  });
});

describe('captions', () => {
  it('of one thing and of two', () => {
    const scene: Scene = { kind: 'duck', colour: 'blue', position: 'left', time: 'sunset', ground: 'sea' };
    expect(caption(scene)).toBe('a blue duck on the left on the sea, at sunset');
    expect(caption({ ...scene, scale: 'small', beside: { kind: 'boat', colour: 'orange' }, weather: 'rain' })).toBe(
      'a small blue duck left of an orange boat on the sea, at sunset, in the rain',
    );
    expect(caption({ ...scene, position: 'right', time: 'day', weather: 'snow' })).toBe(
      'a blue duck on the right on the sea, by day, while it snows',
    );
  });

  it('name sizes and weather in every wording, and put each thing on its side', () => {
    const next = random(3);
    for (const scene of scenes(2000, 5)) {
      const words = variedCaption(scene, next);
      if (scene.weather === 'rain') expect(words).toMatch(/rain/);
      if (scene.weather === 'snow') expect(words).toMatch(/snows|falling snow|flurry/);
      if (scene.scale === 'large') expect(words).toMatch(/large|big|huge/);
      const left = words.match(
        /(red|orange|yellow|green|blue|pink)[a-z -]* left of an? (?:small |little |tiny |large |big |huge )?(\w+)/,
      );
      if (!left || !scene.beside) continue;
      const [first, second] = [scene.colour, scene.beside.colour];
      expect([left[1], left[2]]).toEqual(scene.position === 'left' ? [first, second] : [second, first]);
    }
  });
});

it('asks each kind as often, alone and with another', () => {
  const prompts = testPrompts(132, true);
  for (const kind of KINDS) {
    const asked = prompts.filter(({ scene }) => scene.kind === kind);
    expect([asked.length, asked.filter(({ scene }) => scene.beside).length]).toEqual([12, 6]);
  }
  expect(prompts.every(({ scene }) => isHeldOut(scene))).toBe(true);
});
