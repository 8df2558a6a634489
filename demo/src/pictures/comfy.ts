import { words } from '../words.ts';
import { type Restored, sizeOf, textOf } from './restored.ts';

interface Node {
  class_type?: string;
  inputs?: Record<string, unknown>;
}

/** Nodes whose settings this page has. */
const KNOWN =
  /^(KSampler(Advanced)?|SamplerCustom(Advanced)?|RandomNoise|BasicScheduler|BasicGuider|FluxGuidance|ModelSamplingFlux|CLIPTextEncode(Flux)?|Empty\w*LatentImage\w*|VAEDecode(Tiled)?|SaveImage|PreviewImage|VAELoader|UNETLoader|UnetLoaderGGUF|CheckpointLoaderSimple|CLIPLoader|DualCLIPLoader|KSamplerSelect)$/;

/**
 * The graph that ComfyUI writes under `prompt`: node by id, inputs as values or as `[id, output]`.
 * @see https://github.com/comfyanonymous/ComfyUI/blob/v0.3.64/nodes.py `SaveImage.save_images`
 */
export function readComfy(graph: Record<string, Node>): Restored {
  const nodes = Object.values(graph);
  const value = (name: string, type = /./) =>
    nodes.find(
      ({ class_type = '', inputs }) =>
        type.test(class_type) && !Array.isArray(inputs?.[name]) && inputs?.[name] !== undefined,
    )?.inputs?.[name];
  const sampler = nodes.find(({ inputs }) => Array.isArray(inputs?.positive) || Array.isArray(inputs?.conditioning));
  const prompt =
    textFrom(graph, sampler?.inputs?.positive ?? sampler?.inputs?.conditioning) ??
    value('text', /CLIPTextEncode/) ??
    value('t5xxl');
  const others = nodes.map(({ class_type = '' }) => class_type).filter((type) => !KNOWN.test(type));
  const cfg = value('cfg', /KSampler/);
  const unused = [...new Set(others)].map((type) => words.restored.unused(type));
  return {
    form: {
      ...(prompt === undefined ? {} : { prompt: String(prompt) }),
      ...sizeOf(value('width', /Latent/), value('height', /Latent/)),
      steps: textOf(value('steps')),
      guidance: textOf(value('guidance')),
      seed: textOf(value('noise_seed') ?? value('seed')) ?? '',
      n: '1',
    },
    unused: cfg === undefined || cfg === 1 ? unused : [words.restored.unused('cfg'), ...unused],
  };
}

/** The prompt that a link leads to, through nodes that only pass conditioning on. */
function textFrom(graph: Record<string, Node>, link: unknown, depth = 0): unknown {
  if (!Array.isArray(link) || depth > 20) return undefined;
  const { inputs = {} } = graph[String(link[0])] ?? {};
  if (typeof inputs.text === 'string') return inputs.text;
  if (typeof inputs.t5xxl === 'string') return inputs.t5xxl;
  for (const next of Object.values(inputs)) {
    const found = textFrom(graph, next, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
