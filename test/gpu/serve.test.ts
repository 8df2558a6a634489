import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWebGpuBackend } from '@flux-srpo/runtime';
import { createNodeBackend, renewRuntime } from '@flux-srpo/runtime/node';
import { decode } from 'fast-png';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runServe } from '../../packages/cli/src/commands/serve.ts';
import type { BundleFolder } from '../support/bundle.ts';
import { SMALL, tinyBundle } from '../support/engine.ts';
import { writeFiles } from '../support/write-files.ts';
import { missing, repeated } from './support/adapter.ts';
import { withEngine } from './support/small-engine.ts';
import { cacheWithVerdict } from './support/verdict.ts';

/*
 * A server that computes on this machine's GPU. Oracle: onnxruntime-node's picture. All in one
 * file, because each process of the software adapter compiles attention for a minute.
 */

/** Rounding to bytes may go either way; sums in another order move a value by less. */
const LEVELS = 1;

const REQUEST = { ...SMALL, seed: 7, output_format: 'b64_json' } as const;

let files: BundleFolder;
let onCpu: Uint8Array;

const openGpu = () => createWebGpuBackend({ precision: 'f32', selfTest: false, renewRuntime });

const pixelsOf = ({ data }: { data: { b64_json?: string }[] }): Uint8Array =>
  decode(Buffer.from(data[0]!.b64_json!, 'base64')).data as Uint8Array;

function expectThePicture(pixels: Uint8Array): void {
  expect(pixels).toHaveLength(onCpu.length);
  expect(Math.max(...pixels.map((value, i) => Math.abs(value - onCpu[i]!)))).toBeLessThanOrEqual(LEVELS);
}

beforeAll(async () => {
  if (missing !== undefined || repeated !== undefined) return;
  files = await tinyBundle();
  onCpu = await withEngine(files, await createNodeBackend(), async (engine) =>
    pixelsOf(await engine.images.generate(REQUEST)),
  );
  expect(new Set(onCpu).size).toBeGreaterThan(10);
});
beforeEach(({ skip }) => {
  skip(missing !== undefined, missing);
  skip(repeated !== undefined, repeated);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** The command in this process, until `work` is done. */
async function whileServing(options: readonly string[], work: (url: string) => Promise<void>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-serve-'));
  const stop = new AbortController();
  let said = '';
  let begin = (_url: string): void => undefined;
  const url = new Promise<string>((resolve) => {
    begin = resolve;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    begin(/ at (http:\S+)\/v1\n/.exec(String(text))![1]!);
    return true;
  });
  try {
    await writeFiles(folder, files);
    const serving = runServe(['--model', folder, '--port', '0', ...options], stop.signal);
    await work(await Promise.race([url, serving.then(() => 'ended')]));
    stop.abort();
    await serving;
  } finally {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  }
  return said;
}

it('serve --device webgpu answers with the picture of the CPU', async () => {
  vi.stubEnv('XDG_CACHE_HOME', await cacheWithVerdict(files));
  const said = await whileServing(['--device', 'webgpu', '--precision', 'f32'], async (url) => {
    const response = await fetch(`${url}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(REQUEST),
    });
    expect(response.status).toBe(200);
    const answer = await response.json();
    expect(answer.device).toBe('webgpu');
    expectThePicture(pixelsOf(answer));
  });
  expect(said).toMatch(/^computes on .* in f32$/m);
  await rm(process.env.XDG_CACHE_HOME!, { recursive: true });
});

describe('the engine of serve', () => {
  /** Every device that is made from now on. */
  function devices(): GPUDevice[] {
    const made: GPUDevice[] = [];
    const { requestDevice } = GPUAdapter.prototype;
    vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (this: GPUAdapter, descriptor) {
      const device = await requestDevice.call(this, descriptor);
      made.push(device);
      return device;
    });
    return made;
  }

  it.each([
    ['draws the same picture after its device was lost on the way', 1],
    ['ends with device/lost where the next device is lost too', 2],
  ])('%s', async (_, most) => {
    const made = devices();
    let losses = 0;
    await withEngine(files, await openGpu(), async (engine) => {
      let lost: GPUDevice | undefined;
      const drawing = engine.images.generate(REQUEST, {
        onProgress: ({ stage }) => {
          const device = made.at(-1);
          if (stage !== 'denoise' || device === lost || losses === most) return;
          losses++;
          lost = device;
          device!.destroy();
        },
      });
      if (most === 1) expectThePicture(pixelsOf(await drawing));
      else await expect(drawing).rejects.toMatchObject({ code: 'device/lost' });
    });
    expect(losses).toBe(most);
  });

  it('says that the GPU is out of memory, and draws the next picture', async () => {
    await withEngine(files, await openGpu(), async (engine) => {
      // What Dawn gives for a buffer that the driver refuses; a real refusal would take all memory.
      const { popErrorScope } = GPUDevice.prototype;
      const refused = vi.spyOn(GPUDevice.prototype, 'popErrorScope').mockImplementationOnce(async function (
        this: GPUDevice,
      ) {
        await popErrorScope.call(this);
        return new GPUOutOfMemoryError('planted');
      });
      await expect(engine.images.generate(REQUEST)).rejects.toMatchObject({ code: 'device/out-of-memory' });
      expect(refused).toHaveBeenCalled();
      expectThePicture(pixelsOf(await engine.images.generate(REQUEST)));
    });
  });

  // In Node before 24 a run that fails leaves onnxruntime-web's instance unusable.
  it('says that a run failed, and draws the next picture with a runtime that is sound', async () => {
    await withEngine(files, await openGpu(), async (engine) => {
      const failing = vi.spyOn(GPUDevice.prototype, 'createBindGroup').mockImplementationOnce(() => {
        throw new Error('planted');
      });
      await expect(engine.images.generate(REQUEST)).rejects.toMatchObject({ code: 'inference/run' });
      expect(failing).toHaveBeenCalled();
      expectThePicture(pixelsOf(await engine.images.generate(REQUEST)));
    });
  });

  it('stops for a client that goes away, and draws the next picture', async () => {
    await withEngine(files, await openGpu(), async (engine) => {
      const client = new AbortController();
      const onProgress = ({ stage }: { stage: string }) => stage === 'denoise' && client.abort();
      const left = engine.images.generate(REQUEST, { signal: client.signal, onProgress });
      await expect(left).rejects.toMatchObject({ name: 'AbortError' });
      expectThePicture(pixelsOf(await engine.images.generate(REQUEST)));
    });
  });
});
