import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { networkFile } from '../hub/network-file.ts';
import { sourceFile } from '../test-support/checkpoint-files.ts';
import { findRecipe, shippedRecipes } from './find-recipe.ts';
import { type ModelRecipe, parseModelRecipe, recipeInfo, requireLicence } from './model-recipe.ts';

const FOLDER = new URL('../../../../models/recipes/', import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(read('schema.json'));
const srpo = (): ModelRecipe => read('srpo.json');

describe('a recipe', () => {
  it('of the folder is shipped, and both the schema and the reader take it', () => {
    const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json') && name !== 'schema.json');
    expect(
      shippedRecipes()
        .map(({ id }) => `${id}.json`)
        .sort(),
    ).toEqual(names.sort());
    for (const name of names) expect([name, validate(read(name)), validate.errors]).toEqual([name, true, null]);
  });

  it.each<[string, (recipe: ModelRecipe) => unknown, string]>([
    ['an unknown field', (recipe) => ({ ...recipe, steps: 8 }), 'own.json: field "steps" is not supported'],
    ['no licence', ({ licence: _, ...recipe }) => recipe, 'own.json: licence is required'],
    [
      'no alternative',
      (recipe) => ({ ...recipe, sources: { ...recipe.sources, t5: [] } }),
      'own.json: sources.t5 must be a list of 1 to 16',
    ],
    [
      'a number for a source',
      (recipe) => ({ ...recipe, sources: { ...recipe.sources, t5: ['hf:a/b/c', 4] } }),
      'own.json: sources.t5[1] must be a string, got 4',
    ],
    [
      'a LoRA without a strength',
      (recipe) => ({ ...recipe, loras: [{ source: 'hf:a/b/c' }] }),
      'own.json: loras[0].strength is required',
    ],
    [
      'another dtype',
      (recipe) => ({ ...recipe, dtype: 'nf4' }),
      'own.json: dtype must be one of f32, f16, q8, q4, q4m, q4k, got "nf4"',
    ],
    ['another schema', (recipe) => ({ ...recipe, schema: 2 }), 'own.json: schema must be 1, got 2'],
    [
      'a licence without https',
      (recipe) => ({ ...recipe, licence: { ...recipe.licence, url: 'javascript:alert()' } }),
      'own.json: licence.url must be an https address',
    ],
  ])('with %s is refused by reader and schema', (_what, change, message) => {
    const wrong = change(srpo());
    expect(() => parseModelRecipe(wrong, 'own.json')).toThrow(message);
    expect(validate(wrong)).toBe(false);
  });

  it('gives the bundle its name, licence and defaults', () => {
    const { name, licence, defaults, id } = srpo();
    const { accept: _, ...published } = licence;
    expect(recipeInfo(srpo())).toMatchObject({ name, licence: published, defaults, source: { recipe: id } });
  });

  it('with a licence to accept stops until that is done, and says which and where', () => {
    const { licence } = srpo();
    expect(() => requireLicence(srpo(), false, 'Give --accept-license.')).toThrow(
      expect.objectContaining({
        code: 'input/licence',
        message: expect.stringContaining(`${licence.id}, ${licence.url}`),
        details: { licence: { id: licence.id, url: licence.url, notice: licence.notice } },
      }),
    );
    requireLicence(srpo(), true, '');
    requireLicence({ ...srpo(), licence: { ...licence, accept: false } }, false, '');
  });
});

describe('findRecipe', () => {
  const none = (): never => {
    throw new Error('nothing to open');
  };

  it('lists the ids where there is none of that name', async () => {
    await expect(findRecipe('srpo-q3', none)).rejects.toThrow(
      'there is no recipe "srpo-q3"; there are srpo, srpo-bf16',
    );
  });

  it('reads one from a file, with sources beside it', async () => {
    const recipe = { ...srpo(), sources: { ...srpo().sources, vae: ['vae/ae.safetensors'] } };
    const file = sourceFile('own.json', new TextEncoder().encode(JSON.stringify(recipe)));
    const found = await findRecipe('a/own.json', () => ({
      ...file,
      beside: (name) => sourceFile(`beside ${name}`, new Uint8Array()),
    }));
    expect(found.document).toBe('own.json');
    expect(found.sourceFile('vae/ae.safetensors').name).toBe('beside vae/ae.safetensors');
    await expect(findRecipe('own.json', () => sourceFile('own.json', Uint8Array.of(123)))).rejects.toThrow(
      'own.json must be a recipe in JSON',
    );
  });

  it('lets a recipe that is no file name nothing on this machine', async () => {
    const found = await findRecipe(srpo(), (at) => networkFile(at));
    expect(() => found.sourceFile('/etc/passwd')).toThrow('must be hf:owner/name/path or an https URL here');
    expect(() => found.sourceFile('http://elsewhere.example/w')).toThrow('must come over https');
  });
});
