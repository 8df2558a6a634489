import type { ImageRequestNonStreaming } from 'flux-srpo';
import type { Picture } from './picture.ts';

const LANGUAGES = ['library', 'fetch', 'openai', 'ai-sdk', 'curl', 'cli'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What drew a picture. */
export type Place = Pick<Picture, 'bundle' | 'host' | 'service'>;

/** What the code can be written for. Of a server's picture, not what cannot ask that server. */
export function languagesOf({ host, service }: Place): Language[] {
  if (host === undefined) return [...LANGUAGES];
  return LANGUAGES.filter((language) => language !== 'cli' && (language !== 'curl' || service !== 'fal'));
}

/** Code that draws exactly this picture. */
export function asCode(language: Language, given: ImageRequestNonStreaming, place: Place): string {
  const request = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  );
  const body = JSON.stringify(request, null, 2);
  switch (language) {
    case 'library':
      return `import { createFluxSrpo } from 'flux-srpo';

const flux = createFluxSrpo(${optionsOf(place)});
const { data } = await flux.images.generate(${body});`;
    case 'fetch':
      return `import { createFluxSrpo } from 'flux-srpo';
import { createLocalFetch } from 'flux-srpo/fetch';

const flux = createFluxSrpo(${optionsOf(place)});
const fetch = createLocalFetch(flux);
const response = await fetch('http://local/v1/images/generations', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(${indent(body)}),
});
const { data } = await response.json();`;
    case 'openai':
      return `import { createFluxSrpo } from 'flux-srpo';
import { createLocalFetch } from 'flux-srpo/fetch';
import OpenAI from 'openai';

const flux = createFluxSrpo(${optionsOf(place)});
const openai = new OpenAI({
  apiKey: 'none',
  baseURL: 'http://local/v1',
  fetch: createLocalFetch(flux),
  dangerouslyAllowBrowser: true,
});
const { data } = await openai.images.generate(${body});`;
    case 'ai-sdk':
      return aiSdk(given, place);
    case 'curl':
      return `curl ${place.host === undefined ? 'http://127.0.0.1:8080/v1' : place.bundle.replace(/\/$/, '')}/images/generations \\
  -H 'content-type: application/json' \\
  -d ${shell(JSON.stringify(request))}`;
    case 'cli':
      return cli(given);
  }
}

function aiSdk({ prompt, size, seed, n, model: id, ...rest }: ImageRequestNonStreaming, place: Place): string {
  const isPixels = /^\d+x\d+$/.test(size ?? '');
  const { num_inference_steps, guidance_scale, acceleration, enable_safety_checker } = rest;
  const fields = {
    ...(isPixels ? {} : { size }),
    num_inference_steps,
    guidance_scale,
    acceleration,
    enable_safety_checker,
  };
  const options = {
    prompt,
    ...(isPixels && { size }),
    ...(n && { n }),
    seed,
    providerOptions: { fluxSrpo: fields },
  };
  return `import { generateImage } from 'ai';
import { createFluxSrpo } from 'flux-srpo';
import { fluxSrpoImageModel } from 'flux-srpo/ai-sdk';

const flux = createFluxSrpo(${optionsOf(place)});
const { image } = await generateImage({
  model: fluxSrpoImageModel(flux, ${quote(id ?? '')}),
  ...${indent(JSON.stringify(options, null, 2))},
});`;
}

function cli(request: ImageRequestNonStreaming): string {
  const { prompt, size, num_inference_steps: steps, guidance_scale: guidance, acceleration, seed, n } = request;
  const options = Object.entries({ prompt, size, steps, guidance, acceleration, seed, n })
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `--${name} ${typeof value === 'number' ? value : shell(String(value))}`);
  return ['npx flux-srpo generate --model <folder of the bundle>', ...options, '--out picture.png'].join(' \\\n  ');
}

/** The options of a client that draws there. A folder of the disk is asked for. */
function optionsOf({ bundle, host, service = 'flux-srpo' }: Place): string {
  if (host !== undefined) {
    return `{\n  backend: 'remote',\n  remote: { baseURL: ${quote(bundle)}, service: ${quote(service)} },\n}`;
  }
  return `{ model: ${bundle.startsWith('folder:') ? 'await showDirectoryPicker()' : quote(bundle)}, allowWasm: true }`;
}

const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const shell = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const indent = (text: string) => text.replaceAll('\n', '\n  ');
