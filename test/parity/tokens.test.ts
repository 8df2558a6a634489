import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { loadTokenizers, type Tokenizers } from '@flux-srpo/runtime';
import { describe, expect, it } from 'vitest';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { type PipelineFixture, readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// Oracle: CLIPTokenizer and T5TokenizerFast of transformers, called as FluxPipeline calls them
// (test/reference/hf_oracles.py).

interface TokenCase {
  prompt: string;
  clip: number[];
  t5: number[];
}

const readCases = async (name: string) =>
  (JSON.parse(new TextDecoder().decode(await readNodeFixture(`oracles/${name}.json`))) as { cases: TokenCase[] }).cases;

/** The ids, padded to `length` where they are shorter. */
const padded = (ids: readonly number[], length: number, pad: number) => [
  ...ids,
  ...new Array<number>(length - ids.length).fill(pad),
];

describe("the fixtures' tokenizers", () => {
  it('give the ids of transformers, padded and truncated, for every prompt', async () => {
    const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
    const { clip, t5 } = await tokenizersOf(fixture);
    for (const each of await readCases('tokens')) {
      expect(clip.tokenize(each.prompt, 77).ids, `CLIP: ${each.prompt}`).toEqual(each.clip);
      expect(t5.tokenize(each.prompt, 64).ids, `T5: ${each.prompt}`).toEqual(each.t5);
    }
  });

  it('count what did not fit', async () => {
    const { clip, t5 } = await tokenizersOf(await readPipelineFixture(readNodeFixture, 'a-3x32'));
    const prompt = 'a '.repeat(100);
    // 100 words of one token each. CLIP keeps 75 beside its two special tokens; T5 keeps 9 beside
    // its one.
    expect(clip.tokenize(prompt, 77).dropped).toBe(25);
    expect(t5.tokenize(prompt, 10).dropped).toBe(t5.tokenize(prompt, 512).ids.indexOf(1) - 9);
  });
});

describe('a T5 tokenizer of a sentencepiece model alone', () => {
  interface SpieceCases {
    tokenizer: unknown;
    cases: { prompt: string; ids: number[] }[];
  }

  // Oracle: T5Tokenizer of transformers on the same file (test/reference/make_spiece.py).
  it('gives the ids of transformers for every prompt, decomposed letters and stacked marks included', async () => {
    const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
    grow(fixture, 'text_encoder_2', 'shared.weight', 320);
    const folder = await synthesizeFolder(readNodeFixture, fixture);
    for (const path of [...folder.keys()]) if (path.startsWith('tokenizer_2/')) folder.delete(path);
    folder.set('tokenizer_2/spiece.model', new Uint8Array(await readNodeFixture('tokenizers/spiece/spiece.model')));
    const { t5 } = await loadTokenizers(await openInMemory(await convertInMemory(folder, { dtype: 'f32' })));
    const text = new TextDecoder().decode(await readNodeFixture('tokenizers/spiece/ids.json'));
    for (const { prompt, ids } of (JSON.parse(text) as SpieceCases).cases) {
      expect(t5.tokenize(prompt, 64).ids, prompt).toEqual(padded(ids, 64, 0));
    }
  });
});

/** The vocabularies of FLUX.1 [dev] may lie beside the repository; they are not part of it. */
const PUBLISHED = new URL('../../../shared/data/', import.meta.url);

describe("FLUX.1's own tokenizers", () => {
  it('give the ids of transformers for every prompt', async ({ skip }) => {
    if (!existsSync(PUBLISHED)) return skip('the published vocabularies are not beside the repository');
    const { clip, t5 } = await publishedTokenizers();
    for (const each of await readCases('published-tokens')) {
      expect(clip.tokenize(each.prompt, 77).ids, `CLIP: ${each.prompt}`).toEqual(padded(each.clip, 77, 49407));
      expect(t5.tokenize(each.prompt, 128).ids, `T5: ${each.prompt}`).toEqual(padded(each.t5, 128, 0));
    }
  });

  it('give the ids of the vectors beside the repository', async ({ skip }) => {
    const vectors = new URL('tokenizer_vectors.json', PUBLISHED);
    if (!existsSync(vectors)) return skip('tokenizer_vectors.json is not beside the repository');
    const { cases } = JSON.parse(await readFile(vectors, 'utf8')) as {
      cases: { prompt: string; t5_ids: number[]; clip_ids_77: number[] }[];
    };
    const { clip, t5 } = await publishedTokenizers();
    expect(cases.length).toBeGreaterThan(0);
    for (const { prompt, t5_ids, clip_ids_77 } of cases) {
      expect(clip.tokenize(prompt, 77).ids, `CLIP: ${prompt}`).toEqual(clip_ids_77);
      expect(t5.tokenize(prompt, 512).ids, `T5: ${prompt}`).toEqual(padded(t5_ids, 512, 0));
    }
  });
});

async function tokenizersOf(fixture: PipelineFixture, files: Record<string, URL> = {}): Promise<Tokenizers> {
  const folder = await synthesizeFolder(readNodeFixture, fixture);
  for (const [path, url] of Object.entries(files)) folder.set(path, new Uint8Array(await readFile(url)));
  return loadTokenizers(await openInMemory(await convertInMemory(folder, { dtype: 'f32' })));
}

/**
 * A tiny pipeline with the published vocabularies, so that the converter and the runtime see the
 * real files.
 */
async function publishedTokenizers(): Promise<Tokenizers> {
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  grow(fixture, 'text_encoder', 'text_model.embeddings.token_embedding.weight', 49408);
  grow(fixture, 'text_encoder_2', 'shared.weight', 32128);
  const files: Record<string, URL> = {};
  for (const [folder, from, names] of [
    ['tokenizer', 'clip_tokenizer', ['vocab.json', 'merges.txt', 'tokenizer_config.json']],
    ['tokenizer_2', 't5_tokenizer', ['tokenizer.json', 'tokenizer_config.json']],
  ] as const) {
    for (const name of names) files[`${folder}/${name}`] = new URL(`${from}/${name}`, PUBLISHED);
  }
  return tokenizersOf(fixture, files);
}

function grow(fixture: PipelineFixture, component: string, table: string, rows: number): void {
  fixture.files[`${component}/config.json`]!.vocab_size = rows;
  fixture.components[component]!.tensors.find(([name]) => name === table)![1][0] = rows;
}
