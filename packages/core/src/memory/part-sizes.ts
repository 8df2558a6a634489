import type { Manifest } from '../manifest/manifest.ts';
import type { WeightClass } from '../manifest/weight-class.ts';
import type { ModelConfig } from '../model/config.ts';
import { t5FloatShare } from '../model/half-precision.ts';
import { modelParts, PARTS, type Part } from '../model/parts.ts';
import { BLOCK_LAYOUTS, hasOffsets, isBlockClass, type OffsetClass } from '../model/weight-blocks.ts';

/** A part that runs, with its weights on the device. */
export interface PartSize extends Part {
  bytes: number;
  /** The class of layers with offsets, whose products take more work buffers. Absent: none. */
  offsets?: OffsetClass;
}

/**
 * Weights of a bundle's parts on the device, in run order, from the manifest alone. Never less than
 * they will be. More by 0.2 % at most where a part's linear layers are all of one class, and by 5 %
 * where q4 and q8 are mixed.
 * @param f16 count for the graphs in half precision, where the bundle has them
 */
export function partSizes(
  manifest: Pick<Manifest, 'parts' | 'files' | 'quantization' | 'graphs_f16' | 'config'>,
  f16 = false,
): PartSize[] {
  const fileSizes = new Map(manifest.files.map(({ path, size }) => [path, size]));
  const stored = new Map(manifest.parts.map((part) => [part.name, part]));
  const { recipe, fallbacks } = manifest.quantization;
  return modelParts(manifest.config).flatMap((part) => {
    const { graph, weights } = stored.get(part.name) ?? {};
    if (graph === undefined || weights === undefined) return [];
    const asked = part.classes.map((tensorClass) => recipe[tensorClass] ?? 'f32');
    const used = fallbacks.filter(({ tensor }) => tensor.startsWith(`${part.name}/`)).map((fallback) => fallback.used);
    const classes = [...new Set([...asked, ...used])];
    const isHalf = f16 && Object.hasOwn(manifest.graphs_f16 ?? {}, graph);
    const share = isHalf ? floatShare(part, classes, manifest.config) : 1;
    const growths = classes.map((weightClass) => {
      const least = growth(weightClass, 2);
      return least + (growth(weightClass, 4) - least) * share;
    });
    const offsets = asked.find(hasOffsets);
    const bytes = Math.ceil((fileSizes.get(weights) ?? 0) * Math.max(1, ...growths));
    return { ...part, bytes, ...(offsets !== undefined && { offsets }) };
  });
}

/** How many times larger weights are on the device, where scales and halves take `floatBytes`. */
function growth(weightClass: WeightClass, floatBytes: 2 | 4): number {
  if (weightClass === 'f32') return 1;
  if (!isBlockClass(weightClass)) return floatBytes / 2;
  const { codes, floats, floatBytes: stored } = BLOCK_LAYOUTS[weightClass];
  return (codes + floats * floatBytes) / (codes + floats * stored);
}

/** The share of a part's weights that its graph in half precision takes as floats. */
function floatShare(part: Part, classes: readonly WeightClass[], { text_encoder_2 }: ModelConfig): number {
  if (part.graph !== PARTS.t5Layer(0).graph) return 0;
  // Where float16 weights lie beside blocks, how much of the file is whose is not known here.
  if (classes.includes('f16') && classes.length > 1) return 1;
  return t5FloatShare(text_encoder_2);
}
