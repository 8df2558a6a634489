import { FormatError } from '../errors.ts';

/** What the safety checker needs to know of a classifier. */
export interface ClassifierConfig {
  /** In the order of the logits. */
  labels: readonly string[];
}

/** transformers' image processors that only resize, crop, rescale and normalize, in that order. */
const PLAIN_PREPARATIONS = [
  'BitImageProcessor',
  'CLIPFeatureExtractor',
  'CLIPImageProcessor',
  'DeiTFeatureExtractor',
  'DeiTImageProcessor',
  'MobileNetV1FeatureExtractor',
  'MobileNetV1ImageProcessor',
  'MobileNetV2FeatureExtractor',
  'MobileNetV2ImageProcessor',
  'SiglipImageProcessor',
  'ViTFeatureExtractor',
  'ViTImageProcessor',
];

/**
 * Steps that some processors have besides. transformers.js does them where they are asked for, also
 * where they take all memory.
 */
const OTHER_STEPS = ['do_pad', 'do_thumbnail', 'do_crop_margin', 'do_flip_channel_order'];

/** The largest classifier: 150 million float32 weights in memory. ViT-base has 86 million. */
export const MAX_CLASSIFIER_BYTES = 600 * 1024 * 1024;

const MAX_LABELS = 10_000;

/**
 * Checks transformers' two configs of an image classifier. Anything unknown is refused: a checker
 * that prepares pictures otherwise than in its training would let every picture pass.
 * @param config of `config.json`
 * @param preprocessor of `preprocessor_config.json`
 * @param flagged labels that must be among the classifier's
 */
export function readClassifierConfig(
  config: Readonly<Record<string, unknown>>,
  preprocessor: Readonly<Record<string, unknown>>,
  flagged: readonly string[],
): ClassifierConfig {
  const [architecture] = Array.isArray(config.architectures) ? config.architectures : [];
  if (typeof architecture !== 'string' || !architecture.endsWith('ForImageClassification')) {
    throw classifierRefusal('config.json', 'architectures', 'an architecture ForImageClassification', architecture);
  }
  const kind = config.problem_type ?? 'single_label_classification';
  if (kind !== 'single_label_classification') {
    throw classifierRefusal('config.json', 'problem_type', 'single_label_classification', kind);
  }
  const labels = readLabels(config.id2label);
  for (const label of flagged) {
    if (!labels.includes(label))
      throw classifierRefusal('config.json', 'id2label', `labels with "${label}", to flag`, labels);
  }
  const preparation = preprocessor.image_processor_type ?? preprocessor.feature_extractor_type;
  if (typeof preparation !== 'string' || !PLAIN_PREPARATIONS.includes(preparation.replace(/Fast$/, ''))) {
    throw classifierRefusal(
      'preprocessor_config.json',
      'image_processor_type',
      `one of ${PLAIN_PREPARATIONS.join(', ')}`,
      preparation,
    );
  }
  for (const step of OTHER_STEPS) {
    const asked = preprocessor[step] ?? false;
    if (asked !== false) throw classifierRefusal('preprocessor_config.json', step, 'false', asked);
  }
  return { labels };
}

/** `{ "0": "cat", "1": "duck" }` as a list. */
function readLabels(value: unknown): string[] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const labels = entries.map((_, i): unknown => Object.getOwnPropertyDescriptor(value, i)?.value);
  const isNamed = labels.every((label): label is string => typeof label === 'string');
  if (!isNamed || labels.length === 0 || labels.length > MAX_LABELS || new Set(labels).size < labels.length) {
    throw classifierRefusal('config.json', 'id2label', 'a label of its own for each index from 0 on', value);
  }
  return labels;
}

/** The error for a classifier whose files ask for what this library does not do. */
export function classifierRefusal(file: string, field: string, expected: string, got: unknown): FormatError {
  const shown = (JSON.stringify(got) ?? 'nothing').slice(0, 200);
  return new FormatError(
    `safety checker: ${field} in ${file} must be ${expected}, got ${shown}; choose another classifier`,
    { code: 'format/config-unsupported', details: { file, field, expected } },
  );
}
