import { createFluxSrpo, isFluxError } from 'flux-srpo';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import type { HubRequestSeen } from '../support/hub.ts';
import { rejection } from './support/page.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    serveStandInHub(): Promise<{ endpoint: string; control: string }>;
  }
}

/**
 * A recipe in the page, from a stand-in of the hub on two other origins. Oracle: a token that
 * occurs nowhere else, as the hosts see it.
 */

const CANARY = 'hf_canaryQmFzZTY0aXNoTm9uc2Vuc2U';
const CHOICE = { recipe: 'srpo-q4', acceptLicence: true };

let hub: string;
let control: string;
const flux = createFluxSrpo({ model: 'opfs:srpo-q4', backend: 'wasm' });
const { storage } = flux;

async function set(settings: object): Promise<void> {
  await fetch(control, { method: 'POST', body: JSON.stringify(settings) });
}
const seen = async (): Promise<HubRequestSeen[]> => (await fetch(control)).json();
const tokensOf = (requests: readonly HubRequestSeen[], name: string) =>
  new Set(
    requests.filter(({ host, method }) => host === name && method === 'GET').map(({ authorization }) => authorization),
  );

async function clear(): Promise<void> {
  for (const { id } of await storage.list()) await storage.remove(id);
}

beforeAll(async () => {
  ({ endpoint: hub, control } = await commands.serveStandInHub());
  await clear();
});
afterEach(clear);
afterAll(async () => {
  await flux.dispose();
  await fetch(control, { method: 'DELETE' }).catch(() => undefined);
});

describe('a recipe in the page', () => {
  it('becomes a model that draws; addresses expire on the way, and the token reaches the hub alone', async () => {
    await set({ gated: { 'befox/SRPO-GGUF': CANARY }, signedFor: 4, limited: 1 });
    const model = await storage.import(CHOICE, { hub, token: CANARY });
    expect(model).toMatchObject({ id: 'srpo-q4', name: 'FLUX.1 [dev] SRPO (4 bits)', state: 'complete' });
    const requests = await seen();
    expect(requests.filter(({ host, status }) => host === 'files' && status === 403)).not.toEqual([]);
    expect(tokensOf(requests, 'hub')).toEqual(new Set([`Bearer ${CANARY}`]));
    expect(tokensOf(requests, 'files')).toEqual(new Set([undefined]));
    const { data } = await flux.images.generate({
      prompt: 'a red house',
      size: '32x48',
      num_inference_steps: 1,
      seed: 1,
      output_format: 'b64_json',
    });
    expect(data[0]?.b64_json?.slice(0, 4)).toBe('iVBO');
    await flux.unload();
  });

  it('is imported only where its licence is accepted, and the error says which', async () => {
    await set({});
    const error = await rejection(storage.import({ recipe: 'srpo-q4' }, { hub }));
    expect(isFluxError(error, 'input/licence') && error.details.licence).toMatchObject({
      url: 'https://huggingface.co/tencent/SRPO',
    });
    expect(await seen()).toEqual([]);
  });

  it('says of a gated repository where its licence is, and of a missing file which line names it', async () => {
    await set({ gated: { 'befox/SRPO-GGUF': CANARY } });
    const error = await rejection(storage.import(CHOICE, { hub }));
    expect(isFluxError(error, 'network/status') && error.message).toMatch(
      /srpo-q4\.json: sources\.transformer\[0\] "hf:befox.*" answered 401: .*accept the licence at .*\/befox\/SRPO-GGUF, then give a token/,
    );
    const [recipe] = (await storage.recipes()).filter(({ id }) => id === 'srpo-q4');
    const { needs: _, ...own } = recipe!;
    own.sources.transformer = ['hf:befox/SRPO-GGUF/none.gguf'];
    await set({});
    const missing = await rejection(storage.import({ ...CHOICE, recipe: own }, { hub }));
    expect(missing).toMatchObject({
      message: 'recipe: sources.transformer[0] "hf:befox/SRPO-GGUF/none.gguf" answered 404',
    });
  });

  it('is foreseen with what a picture needs, and with what would compute it', async () => {
    await set({});
    const forecast = await storage.foresee({ recipe: 'srpo-q4' }, { hub });
    expect(forecast).toMatchObject({
      id: 'srpo-q4',
      fits: true,
      machine: { backend: 'wasm', needs: { size: { width: 1024, height: 768 } }, obstacles: [] },
    });
  });

  it('is imported only where it is told to, if the client may use WebGPU alone and there is none', async () => {
    await set({});
    const { storage } = createFluxSrpo({ model: 'opfs:srpo-q4' });
    const { obstacles } = (await storage.foresee({ recipe: 'srpo-q4' }, { hub })).machine;
    const result = storage.import({ recipe: 'srpo-q4', acceptLicence: true }, { hub });
    if (obstacles.length === 0) expect(await result).toMatchObject({ state: 'complete' });
    else expect(await rejection(result)).toMatchObject({ code: 'device/limit-too-small' });
  });
});
