import { expect, it } from 'vitest';
import { fromHash, toHash } from './settings-hash.ts';
import { EMPTY_FORM } from './state.ts';

it('carries settings, and the prompt only where that is asked for', () => {
  const form = {
    ...EMPTY_FORM,
    prompt: 'a secret & more',
    size: 'custom',
    width: '64',
    height: '48',
    seed: '7',
  } as const;
  expect(toHash(form, false)).not.toContain('secret');
  expect({ ...EMPTY_FORM, ...fromHash(`#${toHash(form, true)}`) }).toEqual(form);
});

it('takes nothing from a link that the form could not have written', () => {
  const hash = 'width=1e9&height=-1&steps=<b>&acceleration=warp&size=__proto__&seed=99999999999999999&safety=true&n=2';
  expect(fromHash(hash)).toEqual({ n: '2' });
});
