import { type Manifest, parseManifest, parseSize, partSizes, planGeneration } from '@flux-srpo/core';
import { createFluxSrpo, type FluxSrpoOptions, isFluxError } from 'flux-srpo';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { GPU_WORKER, readStored, rejection, SMALLEST, storedFolder, storedNames, writeStored } from './support/page.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    cutNetwork(addresses: string): Promise<void>;
    /** URLs that were requested while the network was cut. */
    restoreNetwork(): Promise<string[]>;
  }
}

type Residency = 'keep' | 'release' | 'streamed';

let url: string;
/** What it is listed under. */
let address: string;
let manifest: Manifest;
beforeAll(async () => {
  url = await commands.serveFixtureBundle('a-3x32');
  address = location.origin + url;
  manifest = parseManifest(await (await fetch(`${url}manifest.json`)).text());
});
beforeEach(async () => {
  // Other test files load the same bundle, and it would be kept.
  const { storage } = createFluxSrpo({ model: url, backend: 'wasm' });
  for (const { id } of await storage.list()) await storage.remove(id);
});
afterEach(() => commands.restoreNetwork());

/** A budget at which the denoiser holds its weights in this mode. */
function budgetFor(residency: Residency): number {
  const input = {
    config: manifest.config,
    parts: partSizes(manifest),
    size: parseSize(SMALLEST.size),
    textTokens: SMALLEST.max_sequence_length,
    steps: SMALLEST.num_inference_steps,
  };
  for (let budget = 2 ** 30; budget > 2 ** 10; budget *= 0.98) {
    const { keep, phases, refusals } = planGeneration({ ...input, budget });
    const found = keep ? 'keep' : phases.denoise.mode === 'streamed' ? 'streamed' : 'release';
    if (found === residency && refusals.length === 0) return Math.floor(budget);
  }
  throw new Error(`no budget makes the weights ${residency}`);
}

const CASES: [string, Residency, Partial<FluxSrpoOptions>][] = [
  ['wasm, weights kept', 'keep', { backend: 'wasm' }],
  ['wasm, weights released', 'release', { backend: 'wasm' }],
  ['wasm, weights streamed', 'streamed', { backend: 'wasm' }],
  ['WebGPU, weights streamed', 'streamed', { backend: 'webgpu', workerUrl: GPU_WORKER }],
];

/** The software GPU compiles its kernels again for each picture whose weights do not stay. */
const ASKED = [
  ['a blue boat', 1],
  ['a blue boat', 2],
  ['a cat', 2],
] as const;

describe('after load, without a network', () => {
  it.each(CASES)('generates what it was never asked before: %s', async (_, residency, options) => {
    await using flux = createFluxSrpo({ model: url, memoryBudget: budgetFor(residency), ...options });
    const loaded: number[] = [];
    const model = await flux.load({
      onProgress: (progress) => progress.stage === 'load' && loaded.push(progress.loaded / progress.total),
    });
    expect(model).toMatchObject({ backend: options.backend, isKept: true });
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    expect(loaded.at(-1)).toBe(1);

    await commands.cutNetwork('**');
    // The control: there really is no network, neither for the page nor for a worker.
    await expect(fetch(`${url}manifest.json?${Math.random()}`)).rejects.toThrow();
    expect(await fetchInWorker(`${location.origin}${url}manifest.json?${Math.random()}`)).toBe('TypeError');
    const picture = async (prompt: string, seed: number) => {
      const request = { ...SMALLEST, model: model.model, prompt, seed, output_format: 'b64_json' } as const;
      return (await flux.images.generate(request)).data[0]!.b64_json;
    };
    const asked = ASKED.slice(0, options.backend === 'webgpu' ? 1 : undefined);
    const pictures = new Set<string | undefined>();
    for (const [prompt, seed] of asked) pictures.add(await picture(prompt, seed));
    expect(pictures.size).toBe(asked.length);
    const requests = await commands.restoreNetwork();
    expect(requests.filter((address) => !address.includes('manifest.json?'))).toEqual([]);
  });

  it('opens again, in a client of its own, a model whose server is gone', async () => {
    const options = { model: url, backend: 'wasm' } as const;
    const picture = await createAndLoad(options, 'a red house');
    const chunks = new Set(manifest.files.flatMap((file) => file.chunks));
    expect(await storedNames(address)).toHaveLength(chunks.size + 1);
    // The page's host keeps the worker's script; the test server forbids caching it.
    await commands.cutNetwork(`**${url}**`);
    expect(await createAndLoad(options, 'a red house')).toBe(picture);
    expect(new Set(await commands.restoreNetwork())).toEqual(new Set([`${location.origin}${url}manifest.json`]));
  });
});

describe('what is kept', () => {
  it('is checked when it is read: a chunk that has changed is fetched again', async () => {
    const options = { model: url, backend: 'wasm' } as const;
    const first = await createAndLoad(options, 'a red house');
    const folder = await storedFolder(address);
    for (const name of await storedNames(address)) {
      const bytes = await readStored(folder, name);
      bytes[bytes.length >> 1]! ^= 1;
      await writeStored(folder, name, bytes);
    }
    expect(await createAndLoad(options, 'a red house')).toBe(first);
  });

  it('goes with clearKept, and nothing is kept with keep: false', async () => {
    await using flux = createFluxSrpo({ model: url, backend: 'wasm' });
    await flux.load();
    expect(await storedNames(address)).not.toEqual([]);
    await flux.clearKept();
    expect(await storedNames(address)).toEqual([]);
    await using other = createFluxSrpo({ model: url, backend: 'wasm', keep: false });
    expect(await other.load()).toMatchObject({ isKept: false });
    expect(await storedNames(address)).toEqual([]);
  });

  describe('where it does not fit', () => {
    // The real worker, in a browser whose storage is full.
    const full = `
      import 'data:text/javascript,FileSystemSyncAccessHandle.prototype.write = () => { throw new DOMException("full", "QuotaExceededError") }';
      import '${location.origin}/packages/images/src/worker.ts?worker_file&type=module';
    `;
    const options = (): FluxSrpoOptions => ({
      model: url,
      backend: 'wasm',
      workerUrl: URL.createObjectURL(new Blob([full], { type: 'text/javascript' })),
    });

    it('loads without keeping, says why, and leaves nothing behind', async () => {
      await using flux = createFluxSrpo(options());
      expect(await flux.load()).toMatchObject({ isKept: false, notKept: { code: 'storage/quota-exceeded' } });
      expect(await storedNames(address)).toEqual([]);
    });

    it('is storage/quota-exceeded, which says what to do, where keeping was asked for', async () => {
      await using flux = createFluxSrpo({ ...options(), keep: true });
      const error = await rejection(flux.load());
      expect(isFluxError(error, 'storage/quota-exceeded') && error.message).toContain('keep: false');
      expect(await storedNames(address)).toEqual([]);
    });
  });
});

/** Loads, draws if there is a prompt, and disposes. */
async function createAndLoad(options: FluxSrpoOptions, prompt?: string): Promise<string | undefined> {
  await using flux = createFluxSrpo(options);
  const { model } = await flux.load();
  if (prompt === undefined) return undefined;
  const { data } = await flux.images.generate({ ...SMALLEST, model, prompt, output_format: 'b64_json' });
  return data[0]!.b64_json;
}

/** Name of the error that a fetch in a worker ends with. */
function fetchInWorker(address: string): Promise<string> {
  const code = `fetch(${JSON.stringify(address)}).then(() => postMessage('none'), (error) => postMessage(error.name))`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  return new Promise<string>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
  }).finally(() => worker.terminate());
}
