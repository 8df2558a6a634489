import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '@flux-srpo/formats';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { shippedRecipes } from '../../packages/export/src/model-recipes/find-recipe.ts';
import { memoryFile, type StandInHub, startHub } from '../support/hub.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { putSmallFlux } from '../support/small-flux.ts';
import { synthesizeFile } from '../support/synthesize.ts';
import { type Outcome, outcomeOf } from './support/outcome.ts';
import { COUNTED, countedAt, countTo, endAfter, spreadShares } from './support/written-bytes.ts';

/**
 * From an empty folder to a picture by a recipe, on a stand-in of the hub that has the files which
 * the recipe names. Oracles: an undisturbed conversion, byte for byte, and a token that occurs
 * nowhere else.
 */

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));
const CANARY = 'hf_canaryQmFzZTY0aXNoTm9uc2Vuc2U';
const KILLS = process.env.TEST_FULL ? 20 : 4;
const RECIPE = shippedRecipes().find(({ id }) => id === 'srpo-q4')!;

let hub: StandInHub;
let work: string;
const at = (...path: string[]) => join(work, ...path);

beforeAll(async () => {
  hub = await startHub();
  await putSmallFlux(hub, readNodeFixture);
  work = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'flux-srpo-recipe-'));
});
afterAll(async () => {
  await hub.close();
  await rm(work, { recursive: true, force: true });
});
beforeEach(() => {
  hub.seen.length = 0;
  hub.signedFor = Number.POSITIVE_INFINITY;
  hub.limited = 0;
  hub.gated.clear();
});

function runWith(more: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HOME: at('no cache'), HF_TOKEN: CANARY, ...more };
  return outcomeOf(spawn(process.execPath, [...COUNTED, BIN, ...args], { env }));
}
const run = (...args: string[]): Promise<Outcome> => runWith({}, ...args);
const convert = (out: string, recipe = 'srpo-q4') => [
  'convert',
  '--recipe',
  recipe,
  '--accept-license',
  '--out',
  at(out),
];

/** Path → SHA-256 of every file. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashed = paths
    .sort()
    .map(async (path) => [path.slice(folder.length + 1), await sha256Hex(await readFile(path))] as const);
  return new Map(await Promise.all(hashed));
}

async function own(name: string, change: (recipe: typeof RECIPE) => unknown): Promise<string> {
  await writeFile(at(name), JSON.stringify(change(structuredClone(RECIPE))));
  return at(name);
}

describe('a recipe', () => {
  let expected: Map<string, string>;
  /** Bytes that a conversion writes, those of its journal too. */
  let total: number;
  const continued: boolean[] = [];

  it('makes a bundle in one command, and the bundle a picture; the token reaches the hub alone', async () => {
    hub.gated.set('befox/SRPO-GGUF', CANARY);
    const converted = await runWith(countTo(at('bytes')), ...convert('whole'));
    total = await countedAt(at('bytes'));
    expect(converted).toMatchObject({ code: 0, stdout: expect.stringContaining('parts') });
    expect(converted.stderr).toMatch(
      /^FLUX\.1 \[dev\] SRPO \(4 bits\): .*\n {2}licence .*huggingface\.co\/tencent\/SRPO/,
    );
    expect(converted.stderr).toMatch(
      /\n {2}reads +[\d.]+ MB\n {2}writes +[\d.]+ MB to .*free\n {2}needs +[\d.]+ MB of memory for 1024x768/,
    );
    const manifest = JSON.parse(await readFile(at('whole', 'manifest.json'), 'utf8'));
    const { accept: _, ...licence } = RECIPE.licence;
    expect(manifest).toMatchObject({
      name: RECIPE.name,
      licence,
      defaults: RECIPE.defaults,
      source: { recipe: 'srpo-q4' },
    });
    const ofHost = (name: string) =>
      new Set(hub.seen.filter(({ host }) => host === name).map(({ authorization }) => authorization));
    expect([ofHost('hub'), ofHost('files')]).toEqual([new Set([`Bearer ${CANARY}`]), new Set([undefined])]);
    expect(converted.stderr + converted.stdout).not.toContain(CANARY);
    expect((await readdir(at('whole'), { recursive: true })).length).toBeGreaterThan(20);
    expected = await filesOf(at('whole'));

    const picture = ['--prompt', 'a red house', '--size', '64x64', '--steps', '2', '--seed', '1'];
    const drawn = await run('generate', '--model', at('whole'), ...picture, '--out', at('house.png'));
    expect(drawn).toMatchObject({ code: 0, stderr: '' });
    expect((await readFile(at('house.png'))).subarray(1, 4).toString()).toBe('PNG');
  });

  it.each(spreadShares(KILLS))(
    'that is killed at %f of its bytes goes on to the same ones, while addresses expire',
    async (share) => {
      hub.signedFor = 4;
      hub.limited = 1;
      const out = `killed-${share}`;
      const killed = await runWith(endAfter(share * total, 'SIGKILL'), ...convert(out));
      expect(killed.code).toBe(null);
      const second = await run(...convert(out));
      expect(second).toMatchObject({ code: 0 });
      continued.push(second.stderr.includes('going on with the interrupted conversion'));
      expect(await filesOf(at(out))).toEqual(expected);
      expect((await readdir(work)).filter((name) => name.startsWith(out))).toEqual([out]);
    },
  );

  it('had, in some of these cases, an interrupted conversion to go on with', () => {
    expect(continued).toContain(true);
  });

  it('stops until its licence is accepted, and asks the hub for nothing before', async () => {
    const { code, stderr } = await run('convert', '--recipe', 'srpo-q4', '--out', at('unaccepted'));
    expect(code).toBe(2);
    expect(stderr).toContain(
      `error: input/licence: ${RECIPE.name} has a licence that must be accepted first: ${RECIPE.licence.id}, ${RECIPE.licence.url}`,
    );
    expect([hub.seen.length, existsSync(at('unaccepted')), existsSync(at('unaccepted.partial'))]).toEqual([
      0,
      false,
      false,
    ]);
  });

  it('of the user’s own with a wrong path names the line, and takes a later alternative where there is one', async () => {
    const wrong = 'hf:befox/SRPO-GGUF/srpo-Q9.gguf';
    const broken = await own('broken.json', ({ sources, ...recipe }) => ({
      ...recipe,
      sources: { ...sources, transformer: [wrong] },
    }));
    const failed = await run(...convert('broken', broken));
    expect(failed).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        `error: network/status: broken.json: sources.transformer[0] "${wrong}" answered 404\n`,
      ),
    });
    const mended = await own('mended.json', ({ sources, ...recipe }) => ({
      ...recipe,
      sources: { ...sources, transformer: [wrong, ...sources.transformer] },
    }));
    const { code, stderr } = await run(...convert('mended', mended));
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(
        `mended.json: sources.transformer[0] "${wrong}" answered 404; taking mended.json: sources.transformer[1]\n`,
      ),
    ]);
    expect(await filesOf(at('mended'))).toEqual(expected);
  });

  it('merges its LoRA, or with a strength of its own the one that stands in for it', async () => {
    const lora = await synthesizeFile('lora', [
      ['lora_unet_img_in.lora_down.weight', [2, 64], 0, 0.25],
      ['lora_unet_img_in.lora_up.weight', [256, 2], 0, 0.25],
    ]);
    hub.files.set('owner/loras/eight-steps.safetensors', memoryFile(lora));
    const source = 'hf:owner/loras/eight-steps.safetensors';
    const or = [{ source, strength: 0.125 }];
    const turbo = await own('turbo.json', (recipe) => ({
      ...recipe,
      loras: [{ source: 'hf:owner/loras/gone.safetensors', strength: 1, or }],
    }));
    const { code, stderr } = await run(...convert('turbo', turbo));
    expect([code, stderr]).toEqual([0, expect.stringContaining('taking turbo.json: loras[0].or[0]\n')]);
    expect(JSON.parse(await readFile(at('turbo', 'manifest.json'), 'utf8')).loras).toEqual([
      { name: 'eight-steps.safetensors', sha256: await sha256Hex(lora), strength: 0.125 },
    ]);
  });

  it('whose repository is gated says where to accept its licence', async () => {
    hub.gated.set('befox/SRPO-GGUF', 'another token');
    hub.gate = '403';
    const { code, stderr } = await run(...convert('gated'));
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(
        `sources.transformer[0] "hf:befox/SRPO-GGUF/srpo-Q4_K.gguf" answered 403: befox/SRPO-GGUF/srpo-Q4_K.gguf: the hub gives this file only to those who accepted its licence, got 403: accept the licence at ${hub.endpoint}/befox/SRPO-GGUF, with the account whose token you gave`,
      ),
    ]);
    expect(stderr).toContain(
      'sources.transformer[1] "hf:MonsterMMORPG/Wan_GGUF/FLUX-SRPO-GGUF_Q4_K.gguf" answered 401',
    );
  });
});

describe('recipes', () => {
  it('lists what each makes, reads, writes and needs, and its licence, without a network', async () => {
    const { code, stdout } = await run('recipes');
    expect(code).toBe(0);
    for (const { id, what, licence, sources } of shippedRecipes()) {
      expect(stdout).toContain(`${id}: ${what}\n`);
      expect(stdout).toContain(licence.url);
      expect(stdout).toContain(sources.transformer[0]);
    }
    expect(hub.seen).toEqual([]);
    const list = JSON.parse((await run('recipes', '--json')).stdout);
    expect(list.map(({ id }: { id: string }) => id)).toEqual(shippedRecipes().map(({ id }) => id));
    expect(list[0]).toMatchObject({ checked: false, needs: { size: { width: 1024, height: 768 } } });
  });
});
