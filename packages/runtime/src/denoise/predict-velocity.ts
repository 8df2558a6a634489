import { type GraphPart, type ModulationPart, PARTS, type TransformerConfig } from '@flux-srpo/core';
import { hostTensor } from '../host-tensor.ts';
import type { HostTensor } from '../ort/backend.ts';
import type { Denoiser } from './denoiser.ts';
import { ImageStreams } from './image-streams.ts';

/** Blocks one step goes through; progress counts them. */
export function blockCount(config: TransformerConfig): number {
  return config.num_layers + config.num_single_layers;
}

export interface StepInputs {
  /** n arrays of [S_img, 64]. */
  latents: readonly Float32Array[];
  /** From 0: the row of the modulation tables. */
  step: number;
  /** Called with how many blocks have run, for all pictures. */
  onBlock: (blocks: number) => void;
}

/** One step on its way through the blocks. */
interface Pass extends StepInputs {
  denoiser: Denoiser;
  images: readonly ImageStreams[];
}

/**
 * The flow transformer: velocity = noise − image, predicted from noisy latents.
 *
 * Runs block by block, and each block picture by picture, so that weights are touched once a step
 * however many pictures there are. The denoiser's cache may answer for all blocks but the first.
 * @returns n arrays of [S_img, 64]
 */
export async function predictVelocity(denoiser: Denoiser, inputs: StepInputs): Promise<Float32Array[]> {
  const { phase, config, textTokens } = denoiser;
  const images = inputs.latents.map(() => new ImageStreams(denoiser.text));
  const pass: Pass = { denoiser, images, ...inputs };
  try {
    for (const [i, image] of images.entries()) {
      const data = inputs.latents[i] as Float32Array;
      const latents = hostTensor([1, data.length / config.in_channels, config.in_channels], data);
      image.advance((await phase.run(PARTS.embedImage, { latents }, ['hidden'])).hidden);
    }
    const isSkipped = await runDoubleBlocks(pass);
    if (!isSkipped) await runSingleBlocks(pass);

    // A skipped step has no text tokens to drop.
    const text_length = lengthTensor(isSkipped ? 0 : textTokens);
    const mod = modulationRow(pass, PARTS.finalModulation);
    const velocities: Float32Array[] = [];
    for (const image of images) {
      const { velocity } = await phase.run(PARTS.finalLayer, { hidden: image.joined, text_length, mod }, ['velocity']);
      velocities.push(await phase.read(image.end(velocity)));
    }
    return velocities;
  } finally {
    for (const image of images) image.release();
  }
}

/** @returns whether the cache answered for everything after the first block */
async function runDoubleBlocks(pass: Pass): Promise<boolean> {
  const { denoiser, images, onBlock } = pass;
  const { phase, config, imageRope, cache } = denoiser;
  for (let block = 0; block < config.num_layers; block++) {
    const shared = {
      img_mod: modulationRow(pass, PARTS.doubleModulation(block, 'img')),
      txt_mod: modulationRow(pass, PARTS.doubleModulation(block, 'txt')),
      rope_cos: imageRope.cos,
      rope_sin: imageRope.sin,
    };
    const isFirst = block === 0 && cache !== undefined;
    // The cache compares the image before and after the first block, then needs the latter.
    if (isFirst) for (const image of images) image.keep();
    for (const image of images) {
      const feeds = { img: image.img, txt: image.txt, ...shared };
      const outputs = ['img_out', 'txt_out'] as const;
      const { img_out, txt_out } = await phase.run(PARTS.doubleBlock(block), feeds, outputs, nextBlock(pass, block));
      image.advance(img_out, txt_out);
    }
    onBlock(block + 1);
    if (!isFirst) continue;
    if (await cache.maySkip(images.map((image) => ({ before: image.kept, after: image.img })))) {
      for (const [i, image] of images.entries()) image.join(await cache.apply(i, image.img));
      onBlock(blockCount(config));
      return true;
    }
    for (const image of images) image.keep();
  }
  return false;
}

async function runSingleBlocks(pass: Pass): Promise<void> {
  const { denoiser, images, onBlock } = pass;
  const { phase, config, jointRope, textTokens, cache } = denoiser;
  for (const image of images) {
    image.join((await phase.run(PARTS.joinStreams, { txt: image.txt, img: image.img }, ['hidden'])).hidden);
  }
  for (let block = 0; block < config.num_single_layers; block++) {
    const mod = modulationRow(pass, PARTS.singleModulation(block));
    const next = nextBlock(pass, config.num_layers + block);
    for (const image of images) {
      const feeds = { hidden: image.joined, mod, rope_cos: jointRope.cos, rope_sin: jointRope.sin };
      image.join((await phase.run(PARTS.singleBlock(block), feeds, ['hidden_out'], next)).hidden_out);
    }
    onBlock(config.num_layers + block + 1);
  }
  if (!cache) return;
  const states = images.map((image) => ({ first: image.kept, last: image.joined }));
  await cache.remember(states, lengthTensor(textTokens));
}

/** The block that follows; after the last one the first, but not in the last step. */
function nextBlock({ denoiser: { config, modulation }, step }: Pass, block: number): GraphPart | undefined {
  const isLast = block === blockCount(config) - 1;
  if (isLast && step === modulation.steps - 1) return undefined;
  const next = isLast ? 0 : block + 1;
  return next < config.num_layers ? PARTS.doubleBlock(next) : PARTS.singleBlock(next - config.num_layers);
}

function modulationRow({ denoiser, step }: Pass, part: ModulationPart): HostTensor {
  const row = denoiser.modulation.row(part, step);
  return hostTensor([row.length], row);
}

function lengthTensor(length: number): HostTensor {
  return { dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(length)) };
}
