import { words } from '../words.ts';
import { isRecord, type Restored, sizeOf, someOf, textOf } from './restored.ts';

interface Node {
  type: string;
  inputs: Record<string, unknown>;
}

/** Nodes whose settings this page has. */
const KNOWN =
  /^(KSampler(Advanced)?|SamplerCustom(Advanced)?|RandomNoise|BasicScheduler|BasicGuider|FluxGuidance|ModelSamplingFlux|CLIPTextEncode(Flux)?|Empty\w*LatentImage\w*|VAEDecode(Tiled)?|SaveImage|PreviewImage|VAELoader|UNETLoader|UnetLoaderGGUF|CheckpointLoaderSimple|CLIPLoader|DualCLIPLoader|KSamplerSelect)$/;

/**
 * The graph that ComfyUI writes under `prompt`: node by id, inputs as values or as `[id, output]`.
 * @see https://github.com/comfyanonymous/ComfyUI/blob/v0.3.64/nodes.py `SaveImage.save_images`
 */
export function readComfy(graph: Record<string, unknown>): Restored {
  const nodes = new Map(Object.entries(graph).map(([id, node]) => [id, readNode(node)]));
  const all = [...nodes.values()];
  const value = (name: string, type = /./) =>
    all.find((node) => type.test(node.type) && textOf(node.inputs[name]) !== undefined)?.inputs[name];
  const sampler = all.find(({ inputs }) => Array.isArray(inputs.positive) || Array.isArray(inputs.conditioning));
  const prompt =
    textFrom(nodes, sampler?.inputs.positive ?? sampler?.inputs.conditioning) ??
    textOf(value('text', /CLIPTextEncode/) ?? value('t5xxl'));
  const cfg = value('cfg', /KSampler/);
  const unused = someOf(all.map(({ type }) => type).filter((type) => !KNOWN.test(type)));
  return {
    form: {
      ...(prompt === undefined ? {} : { prompt }),
      ...sizeOf(value('width', /Latent/), value('height', /Latent/)),
      steps: textOf(value('steps')),
      guidance: textOf(value('guidance')),
      seed: textOf(value('noise_seed') ?? value('seed')) ?? '',
      n: '1',
    },
    unused: cfg === undefined || cfg === 1 ? unused : [words.restored.unused('cfg'), ...unused],
  };
}

function readNode(node: unknown): Node {
  const { class_type, inputs } = isRecord(node) ? node : {};
  return { type: textOf(class_type) ?? '', inputs: isRecord(inputs) ? inputs : {} };
}

/** The prompt that a link leads to, through nodes that only pass conditioning on. */
function textFrom(nodes: ReadonlyMap<string, Node>, link: unknown): string | undefined {
  const links = [link];
  const seen = new Set<string>();
  while (links.length > 0) {
    const next = links.pop();
    const id = Array.isArray(next) ? String(next[0]) : undefined;
    if (id === undefined || seen.has(id)) continue;
    seen.add(id);
    const { inputs = {} } = nodes.get(id) ?? {};
    for (const text of [inputs.text, inputs.t5xxl]) if (typeof text === 'string') return text;
    // The first input is followed to its end before the second.
    for (const value of Object.values(inputs).reverse()) links.push(value);
  }
  return undefined;
}
