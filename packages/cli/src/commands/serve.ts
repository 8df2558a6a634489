import { isIP } from 'node:net';
import { isFluxError, NetworkError, strict } from '@flux-srpo/core';
import { createPipeline } from '@flux-srpo/runtime';
import { toHttpError } from 'flux-srpo/wire';
import { COMPUTING_OPTIONS, readComputing } from '../computing-options.ts';
import { openBackend } from '../open-backend.ts';
import { openModel } from '../open-model.ts';
import { integerOption, parseOptions, required, UsageError } from '../options.ts';
import { createApp } from '../serve/app.ts';
import type { Exchange } from '../serve/exchange.ts';
import { FolderPictures } from '../serve/folder-pictures.ts';
import { readKeyFile } from '../serve/key-file.ts';
import { type Key, KeyRing } from '../serve/key-ring.ts';
import { listen } from '../serve/listen.ts';
import { MemoryPictures } from '../serve/memory-pictures.ts';
import { createMetrics } from '../serve/metrics.ts';
import { createNodeEngine } from '../serve/node-engine.ts';

const API_KEY_VARIABLE = 'FLUX_SRPO_API_KEY';

export async function runServe(args: string[], signal: AbortSignal): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    model: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8080' },
    'api-key': { type: 'string' },
    keys: { type: 'string' },
    cors: { type: 'string', multiple: true, default: [] },
    queue: { type: 'string', default: '8' },
    ...COMPUTING_OPTIONS,
    images: { type: 'string' },
    'image-lifetime': { type: 'string', default: '3600' },
    'public-url': { type: 'string' },
    'allow-host': { type: 'string', multiple: true, default: [] },
    grace: { type: 'string', default: '10' },
    log: { type: 'boolean', default: false },
    metrics: { type: 'boolean', default: false },
    isolate: { type: 'boolean', default: false },
  });
  if (positionals.length > 0) throw new UsageError(`unexpected argument "${positionals[0]}"`);
  const model = required(values.model, '--model');
  const computing = readComputing(values);
  const port = integerOption(values.port, 'port', 0, 65_535);
  const maxWaiting = integerOption(values.queue, 'queue', 0, 10_000);
  const lifetimeMs = 1000 * integerOption(values['image-lifetime'], 'image-lifetime', 1, 30 * 24 * 3600);
  const origins = values.cors.map((origin) => readOrigin(origin, '--cors'));
  const allowed = values['allow-host'].map((name) => readHost(name, '--allow-host'));
  const publicUrl =
    values['public-url'] === undefined ? undefined : new URL(readPublicUrl(values['public-url'], '--public-url'));
  const graceMs = 1000 * integerOption(values.grace, 'grace', 0, 24 * 3600);
  const given = await readGivenKeys(values['api-key'] ?? process.env[API_KEY_VARIABLE], values.keys);

  const images =
    values.images === undefined
      ? new MemoryPictures({ lifetimeMs })
      : await FolderPictures.open(values.images, { lifetimeMs });
  const bundle = await openModel(model);
  const { notes, ...means } = await openBackend(computing, bundle);
  const pipeline = await createPipeline({ bundle, ...means });
  try {
    const stopping = new AbortController();
    const metrics = values.metrics ? createMetrics({ queue: () => engine.queue, images }) : undefined;
    const engine = createNodeEngine({
      pipeline,
      publish: async (png) => (publicUrl?.origin ?? '') + (await images.add(png)),
      maxWaiting,
      stopping: stopping.signal,
      onDrawn: (result) => metrics?.drawn(result.images.length, result.timings.steps),
    });
    const hosts = isLoopback(values.host) ? [...ownNames(values.host, publicUrl), ...allowed] : undefined;
    if (hosts === undefined && given.length === 0) {
      process.stderr.write(`warning: anyone who reaches ${values.host} can use this server; give it an --api-key\n`);
    }
    const app = createApp({
      engine,
      images,
      keys: given.length === 0 ? undefined : new KeyRing(given),
      origins,
      hosts,
      metrics,
      isIsolated: values.isolate,
      stopping: stopping.signal,
      onError: reportInternal,
    });
    const server = await listen(app, values.host, port, {
      graceMs,
      onExchange(exchange) {
        metrics?.answered(exchange);
        if (values.log) logExchange(exchange);
      },
    });
    for (const note of notes) process.stderr.write(`${note}\n`);
    process.stdout.write(`${bundle.manifest.model} at ${server.url}/v1\n`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    process.stderr.write('stopping; what runs may finish\n');
    stopping.abort(new NetworkError('this server stops; ask again, or another one', { code: 'network/stopping' }));
    await server.close();
  } finally {
    await pipeline.dispose();
  }
}

/** The one key of `--api-key` or the variable, and those of the file. */
async function readGivenKeys(apiKey: string | undefined, path: string | undefined): Promise<Key[]> {
  if (apiKey === '') throw new UsageError('--api-key must not be empty; leave it out for none');
  const one = apiKey === undefined ? [] : [{ name: 'api-key', key: apiKey }];
  if (path === undefined) return one;
  return [...one, ...(await readKeyFile(path))];
}

/** A line of JSON for each request. It holds nothing that a person wrote. */
function logExchange(exchange: Exchange): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...exchange })}\n`);
}

/** Callers are told of their mistakes, the operator of ours. Neither is told a prompt. */
function reportInternal(error: unknown, requestId: string): void {
  if (toHttpError(error).status < 500) return;
  const text = isFluxError(error) ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : error;
  process.stderr.write(`${requestId}: ${text}\n`);
}

const readOrigin = strict.such(
  strict.string,
  'an origin like https://example.com, or *',
  (value) => value === '*' || (URL.canParse(value) && new URL(value).origin === value),
);

const readPublicUrl = strict.such(
  strict.matching(/^https?:\/\//, 'like https://images.example'),
  'like https://images.example',
  (value) => URL.canParse(value) && new URL(value).href === `${new URL(value).origin}/`,
);

/** As `URL` writes a name, so that it can be compared with one. */
const readHost: strict.Read<string> = (value, path) => {
  const url = `http://${String(value)}/`;
  if (URL.canParse(url) && new URL(url).href === url.toLowerCase()) return new URL(url).hostname;
  throw strict.refusal(path, 'a host name like host.docker.internal, without a port', value, 'input/type');
};

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** What this machine is called by its own programs, and by whoever forwards to it. */
function ownNames(host: string, publicUrl: URL | undefined): string[] {
  return ['localhost', '127.0.0.1', '[::1]', host, ...(publicUrl === undefined ? [] : [publicUrl.hostname])];
}
