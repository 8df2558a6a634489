import {
  type GraphPart,
  type ImageSize,
  type ModulationPart,
  PARTS,
  ropeTables,
  type TransformerConfig,
  tokenCount,
  tokenGrid,
} from '@flux-srpo/core';
import type { DeviceTensor, HostTensor } from '../ort/backend.ts';
import { type Phase, TensorScope } from '../phase.ts';
import { hostTensor } from '../tensor.ts';
import type { ModulationTables } from './conditioning.ts';
import type { StepCache } from './step-cache.ts';

/** What stays the same for every step of one generation. Device tensors inside belong to `scope`. */
export interface Conditioned {
  size: ImageSize;
  textTokens: number;
  /** The prompt after `txt_in`, [1, S_txt, H]: where every step's text stream starts. */
  text: DeviceTensor;
  modulation: ModulationTables;
  /** For the double blocks, image tokens only: [1, S_img, D/2]. */
  imageRope: { cos: DeviceTensor; sin: DeviceTensor };
  /** For the single blocks, text then image: [1, S, D/2]. */
  jointRope: { cos: DeviceTensor; sin: DeviceTensor };
}

/** Uploads what every step reads and embeds the prompt; all of it is held by `scope`. */
export async function condition(
  phase: Phase,
  config: TransformerConfig,
  scope: TensorScope,
  inputs: { size: ImageSize; promptEmbeds: Float32Array; modulation: ModulationTables },
): Promise<Conditioned> {
  const { size, promptEmbeds, modulation } = inputs;
  const textTokens = promptEmbeds.length / config.joint_attention_dim;
  const place = async (role: string, tokens: number, table: Float32Array) =>
    scope.replace(role, await phase.place([1, tokens, config.attention_head_dim / 2], table));
  const grid = tokenGrid(size);
  const imageTokens = tokenCount(size);
  const image = ropeTables(grid, config.axes_dims_rope, { textTokens: 0 });
  const joint = ropeTables(grid, config.axes_dims_rope, { textTokens });
  const imageRope = {
    cos: await place('image_cos', imageTokens, image.cos),
    sin: await place('image_sin', imageTokens, image.sin),
  };
  const jointRope = {
    cos: await place('joint_cos', textTokens + imageTokens, joint.cos),
    sin: await place('joint_sin', textTokens + imageTokens, joint.sin),
  };
  const prompt_embeds = hostTensor([1, textTokens, config.joint_attention_dim], promptEmbeds);
  const { hidden } = await phase.run(PARTS.embedText, { prompt_embeds }, ['hidden']);
  const text = scope.replace('text', hidden);
  return { size, textTokens, text, modulation, imageRope, jointRope };
}

/** Blocks one step goes through; progress counts them. */
export function blockCount(config: TransformerConfig): number {
  return config.num_layers + config.num_single_layers;
}

/**
 * The flow transformer: velocity = noise − image, predicted from noisy latents.
 *
 * Block by block, and within a block image by image, so that weights are touched once per step however many images there are.
 *
 * @param latents n arrays of [S_img, 64]
 * @param step row of the modulation tables
 * @param cache may answer for all blocks but the first
 * @returns n arrays of [S_img, 64]
 */
export async function predictVelocity(
  phase: Phase,
  config: TransformerConfig,
  conditioned: Conditioned,
  latents: readonly Float32Array[],
  step: number,
  cache: StepCache | undefined,
  onBlock: (block: number) => void,
): Promise<Float32Array[]> {
  const images = latents.map(() => new ImageStreams(conditioned.text));
  try {
    for (const [i, image] of images.entries()) {
      const data = latents[i] as Float32Array;
      const packed = hostTensor([1, data.length / config.in_channels, config.in_channels], data);
      image.setImg((await phase.run(PARTS.embedImage, { latents: packed }, ['hidden'])).hidden);
    }
    const isSkipped = await runDoubleBlocks(phase, config, conditioned, images, step, cache, onBlock);
    if (!isSkipped) await runSingleBlocks(phase, config, conditioned, images, step, cache, onBlock);

    // A skipped step has no text tokens to drop.
    const text_length = lengthTensor(isSkipped ? 0 : conditioned.textTokens);
    const velocities: Float32Array[] = [];
    for (const image of images) {
      const feeds = { hidden: image.img, text_length, mod: modulationRow(conditioned, PARTS.finalModulation, step) };
      const { velocity } = await phase.run(PARTS.finalLayer, feeds, ['velocity']);
      velocities.push(await phase.read(image.setImg(velocity)));
    }
    return velocities;
  } finally {
    for (const image of images) image.release();
  }
}

/** @returns whether the cache answered for everything after the first block */
async function runDoubleBlocks(
  phase: Phase,
  config: TransformerConfig,
  conditioned: Conditioned,
  images: readonly ImageStreams[],
  step: number,
  cache: StepCache | undefined,
  onBlock: (block: number) => void,
): Promise<boolean> {
  for (let block = 0; block < config.num_layers; block++) {
    const shared = {
      img_mod: modulationRow(conditioned, PARTS.doubleModulation(block, 'img'), step),
      txt_mod: modulationRow(conditioned, PARTS.doubleModulation(block, 'txt'), step),
      rope_cos: conditioned.imageRope.cos,
      rope_sin: conditioned.imageRope.sin,
    };
    const next = nextBlock(config, conditioned, block, step);
    const isFirst = block === 0 && cache !== undefined;
    if (isFirst) for (const image of images) image.keep('before');
    for (const image of images) {
      const feeds = { img: image.img, txt: image.txt, ...shared };
      const { img_out, txt_out } = await phase.run(PARTS.doubleBlock(block), feeds, ['img_out', 'txt_out'], next);
      image.setImg(img_out);
      image.setTxt(txt_out);
    }
    onBlock(block);
    if (!isFirst) continue;
    const before = images.map((image) => image.kept('before'));
    if (
      await cache.maySkip(
        phase,
        before,
        images.map((image) => image.img),
      )
    ) {
      for (const [i, image] of images.entries()) image.join(await cache.apply(phase, i, image.img));
      onBlock(blockCount(config) - 1);
      return true;
    }
    for (const image of images) image.keep('first');
  }
  return false;
}

async function runSingleBlocks(
  phase: Phase,
  config: TransformerConfig,
  conditioned: Conditioned,
  images: readonly ImageStreams[],
  step: number,
  cache: StepCache | undefined,
  onBlock: (block: number) => void,
): Promise<void> {
  const { jointRope, textTokens } = conditioned;
  for (const image of images) {
    image.join((await phase.run(PARTS.joinStreams, { txt: image.txt, img: image.img }, ['hidden'])).hidden);
  }
  for (let block = 0; block < config.num_single_layers; block++) {
    const mod = modulationRow(conditioned, PARTS.singleModulation(block), step);
    const next = nextBlock(config, conditioned, config.num_layers + block, step);
    for (const image of images) {
      const feeds = { hidden: image.img, mod, rope_cos: jointRope.cos, rope_sin: jointRope.sin };
      image.setImg((await phase.run(PARTS.singleBlock(block), feeds, ['hidden_out'], next)).hidden_out);
    }
    onBlock(config.num_layers + block);
  }
  await cache?.remember(
    phase,
    images.map((image) => image.kept('first')),
    images.map((image) => image.img),
    lengthTensor(textTokens),
  );
}

/** Which block follows block `block` of all: after the last one the first again, unless this is the last step. */
function nextBlock(
  config: TransformerConfig,
  { modulation }: Conditioned,
  block: number,
  step: number,
): GraphPart | undefined {
  const isLast = block === blockCount(config) - 1;
  if (isLast && step === modulation.steps - 1) return undefined;
  const next = isLast ? 0 : block + 1;
  return next < config.num_layers ? PARTS.doubleBlock(next) : PARTS.singleBlock(next - config.num_layers);
}

function modulationRow({ modulation }: Conditioned, part: ModulationPart, step: number): HostTensor {
  const row = modulation.row(part, step);
  return hostTensor([row.length], row);
}

function lengthTensor(length: number): HostTensor {
  return { dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(length)) };
}

/** A state kept for the step cache: the image before the first block, or after it. */
type Kept = 'before' | 'first';

/** The hidden states of one image on their way through the blocks; each new state frees the one before. */
class ImageStreams {
  readonly #scope = new TensorScope();
  readonly #keptScope = new TensorScope();
  readonly #kept = new Map<Kept, DeviceTensor>();
  #img: DeviceTensor | undefined;
  /** Starts as the prompt's embedding, which all steps share and this object does not own. */
  #txt: DeviceTensor;

  constructor(text: DeviceTensor) {
    this.#txt = text;
  }

  get img(): DeviceTensor {
    if (!this.#img) throw new Error('the image has not been embedded yet');
    return this.#img;
  }

  get txt(): DeviceTensor {
    return this.#txt;
  }

  setImg(tensor: DeviceTensor): DeviceTensor {
    this.#img = this.#scope.replace('img', tensor);
    return tensor;
  }

  setTxt(tensor: DeviceTensor): void {
    this.#txt = this.#scope.replace('txt', tensor);
  }

  /** The image stream as it is now outlives the next `setImg` and `join`. One state is kept at a time. */
  keep(as: Kept): void {
    const { img } = this;
    this.#scope.forget('img');
    this.#keptScope.replace('kept', img);
    this.#kept.clear();
    this.#kept.set(as, img);
  }

  kept(as: Kept): DeviceTensor {
    const tensor = this.#kept.get(as);
    if (!tensor) throw new Error(`the image ${as} the first block was not kept`);
    return tensor;
  }

  /** From here on the image stream holds [text, image]. */
  join(tensor: DeviceTensor): void {
    this.#scope.release();
    this.setImg(tensor);
  }

  release(): void {
    this.#scope.release();
    this.#keptScope.release();
  }
}
