import { describe, expect, it } from 'vitest';
import { twoPartManifest } from '../../../../test/support/two-part-manifest.ts';
import { DEFAULT_MEMORY_BUDGET } from './budget.ts';
import { mayTryMemory, memoryTrial, triedTarget } from './memory-trial.ts';
import { planPicture } from './picture-plan.ts';

const GB = 1e9;
const SIZE = { width: 512, height: 512 };

/** FLUX.1 [dev] in two parts of round sizes. */
const manifest = (denoiser: number) => twoPartManifest(denoiser, GB / 5);

describe('what is tried', () => {
  it('is every part and the work buffers: exactly what keeps everything', () => {
    const large = manifest(5 * GB);
    const trial = memoryTrial(large, {})!;
    expect(trial.pieces.slice(0, 2)).toEqual([5 * GB, GB / 5]);
    expect(trial.pieces.reduce((sum, bytes) => sum + bytes, 0) - trial.wanted).toBeLessThan(4);
    expect(planPicture(large, SIZE, { memoryTarget: trial.wanted }).keep).toBe(true);
    expect(planPicture(large, SIZE, { memoryTarget: trial.wanted - 1 }).keep).toBe(false);
  });

  it('is nothing where all fits into what is planned for anyway', () => {
    const small = manifest(GB / 2);
    expect(planPicture(small, SIZE, {})).toMatchObject({ keep: true });
    expect(memoryTrial(small, {})).toBeUndefined();
  });
});

describe('what is planned for after it', () => {
  const trial = { pieces: [4 * GB, 4 * GB], wanted: 8 * GB };

  it.each([
    ['all, where all was made', 8 * GB, 8 * GB],
    ['85 % of what was made before a refusal', 4 * GB, 3.4 * GB],
    ['as much as without a trial, where nothing was made', 0, DEFAULT_MEMORY_BUDGET],
  ])('is %s', (_, made, target) => expect(triedTarget(trial, made)).toBe(target));
});

describe('where nobody tries', () => {
  const gpu = { isFallback: false, architecture: 'ada' };

  it.each([
    ['a GPU of a machine with 8 GB or more', gpu, { deviceMemory: 8, userAgent: 'Mobile AppleWebKit' }, true],
    ['a GPU of a machine with 4 GB', gpu, { deviceMemory: 4 }, false],
    ['a GPU in Node', gpu, { userAgent: 'Node.js/22' }, true],
    ['a GPU where there is no navigator', gpu, undefined, true],
    ['Firefox on a desktop', gpu, { userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko Firefox/153.0' }, true],
    ['Firefox on a phone', gpu, { userAgent: 'Mozilla/5.0 (Android 16; Mobile; rv:153.0) Gecko Firefox/153.0' }, false],
    ['Safari', gpu, { userAgent: 'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/26.0 Safari/605.1.15' }, false],
    ['a software adapter', { ...gpu, isFallback: true }, { deviceMemory: 8 }, false],
    ['one that hides it', { ...gpu, architecture: 'software' }, { deviceMemory: 8 }, false],
  ])('%s', (_, adapter, machine, expected) => expect(mayTryMemory(adapter, machine)).toBe(expected));
});
