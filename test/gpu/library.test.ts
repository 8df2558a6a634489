import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { decode } from 'fast-png';
import { createFluxSrpo } from 'flux-srpo/node';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { SMALL, tinyBundle } from '../support/engine.ts';
import { writeFiles } from '../support/write-files.ts';
import { adapter, missing, repeated } from './support/adapter.ts';
import { withEngine } from './support/small-engine.ts';
import { cacheWithVerdict } from './support/verdict.ts';

/*
 * The library in Node, whose thread computes on this machine's GPU. Oracle: onnxruntime-node's
 * picture, of the same request.
 */

/** Rounding to bytes may go either way; sums in another order move a value by less. */
const LEVELS = 1;

const REQUEST = { ...SMALL, seed: 7, response_format: 'b64_json' } as const;

let folder: string;
let onCpu: Uint8Array;

const pixelsOf = ({ data }: { data: { b64_json?: string }[] }): Uint8Array =>
  decode(Buffer.from(data[0]!.b64_json!, 'base64')).data as Uint8Array;

beforeAll(async () => {
  if (missing !== undefined || repeated !== undefined) return;
  const files = await tinyBundle();
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-library-'));
  await writeFiles(folder, files);
  onCpu = await withEngine(files, await createNodeBackend(), async (engine) =>
    pixelsOf(await engine.images.generate({ ...SMALL, seed: 7, output_format: 'b64_json' })),
  );
  vi.stubEnv('XDG_CACHE_HOME', await cacheWithVerdict(files));
});
beforeEach(({ skip }) => {
  skip(missing !== undefined, missing);
  skip(repeated !== undefined, repeated);
});
afterAll(async () => {
  if (missing !== undefined || repeated !== undefined) return;
  await rm(process.env.XDG_CACHE_HOME!, { recursive: true });
  await rm(folder, { recursive: true });
  vi.unstubAllEnvs();
});

it('says what the machine offers, and draws the picture of the CPU', async () => {
  await using flux = createFluxSrpo({ model: folder, precision: 'f32' });
  const report = await flux.probe();
  expect(report).toMatchObject({ verdict: 'ready', backend: 'webgpu', memory: { refusals: [] } });
  expect(report.adapter).toEqual(adapter);

  const response = await flux.images.generate(REQUEST);
  expect(response.device).toBe('webgpu');
  const pixels = pixelsOf(response);
  expect(pixels).toHaveLength(onCpu.length);
  expect(Math.max(...pixels.map((value, i) => Math.abs(value - onCpu[i]!)))).toBeLessThanOrEqual(LEVELS);
});

it('stops when it is told to, and says that a folder holds no model', async () => {
  await using flux = createFluxSrpo({ model: folder, precision: 'f32' });
  const stop = new AbortController();
  const left = flux.images.generate(REQUEST, {
    signal: stop.signal,
    onProgress: ({ stage }) => stage === 'encode' && stop.abort(),
  });
  await expect(left).rejects.toMatchObject({ name: 'AbortError' });

  await using other = createFluxSrpo({ model: tmpdir() });
  await expect(other.load()).rejects.toMatchObject({ code: 'model/not-found' });
  expect(await other.probe()).toMatchObject({ verdict: 'unsupported', reasons: [{ code: 'model/not-found' }] });
});
