import {
  InferenceError,
  MAX_CLASSIFIER_BYTES,
  ModelError,
  readClassifierConfig,
  type SafetyChecker,
} from '@flux-srpo/core';
import {
  ImageClassificationPipeline,
  type PreTrainedModel,
  PretrainedConfig,
  RawImage,
  Tensor,
} from '@huggingface/transformers';
import type { Bundle } from '../bundle/bundle.ts';
import type { Session, Stage } from '../ort/backend.ts';
import type { GeneratedImage } from '../pipeline.ts';
import { PillowImageProcessor } from './image-processor.ts';

/**
 * transformers.js's image classification on the bundle's verified bytes and our own onnxruntime. Left to itself, the library
 * loads a second onnxruntime, of 23 MB, from a CDN: here nothing is fetched that the bundle does not list.
 */

/** Where the graph names a picture and the classes' scores, as transformers exports them. */
const INPUT = 'pixel_values';
const OUTPUT = 'logits';
const GRAPH = 'safety_checker';

/** Far above any config.json. */
const MAX_CONFIG_BYTES = 1024 * 1024;

export interface Classifier {
  /** Probability of each label. They sum to 1. */
  classify(image: GeneratedImage): Promise<ReadonlyMap<string, number>>;
}

/** Everything that can be wrong with the files is found here, before a picture is drawn. */
export async function loadClassifier(stage: Stage, bundle: Bundle, checker: SafetyChecker): Promise<Classifier> {
  const { folder, flagged } = checker;
  const config = await readJson(bundle, `${folder}/config.json`);
  const preprocessor = await readJson(bundle, `${folder}/preprocessor_config.json`);
  const { labels } = readClassifierConfig(config, preprocessor, flagged);
  const processor = new PillowImageProcessor(preprocessor);
  const session = await stage.session(GRAPH, () => readBounded(bundle, `${folder}/model.onnx`, MAX_CLASSIFIER_BYTES));
  checkGraph(session);

  /** What the library takes for a model: a function with a config. */
  const model = Object.assign(
    async ({ pixel_values }: { pixel_values: Tensor }) => ({
      [OUTPUT]: new Tensor('float32', await run(stage, session, pixel_values, labels.length), [1, labels.length]),
    }),
    { config: new PretrainedConfig(config) },
  );
  const pipeline = new ImageClassificationPipeline({
    task: 'image-classification',
    model: model as unknown as PreTrainedModel,
    processor: processor as unknown as ConstructorParameters<typeof ImageClassificationPipeline>[0]['processor'],
  });
  return {
    async classify({ rgb, width, height }) {
      const scores = await pipeline(new RawImage(rgb, width, height, 3), { top_k: null });
      return new Map(scores.map(({ label, score }) => [label, score]));
    },
  };
}

/** Logits of one picture; whatever is no number would pass as harmless. */
async function run(stage: Stage, session: Session, { data, dims }: Tensor, count: number): Promise<Float32Array> {
  const outputs = await stage.run(session, { [INPUT]: { dtype: 'float32', dims, data: data as Float32Array } });
  try {
    const logits = await stage.read(outputs[OUTPUT]!);
    if (logits.length === count && logits.every(Number.isFinite)) return logits;
    throw new InferenceError(`the safety checker must give ${count} finite numbers, got ${logits.length} or others`, {
      code: 'inference/output-invalid',
      details: { expected: count, got: logits.length },
    });
  } finally {
    for (const output of Object.values(outputs)) output.dispose();
  }
}

function checkGraph({ inputs, outputs }: Session): void {
  const got = inputs.map(({ name, dtype }) => `${name} ${dtype}`);
  if (got.join() === `${INPUT} float32` && outputs.includes(OUTPUT)) return;
  throw new ModelError(
    `the safety checker's graph must turn ${INPUT} float32 into ${OUTPUT}, got ${got} into ${outputs}; export it as float32 with optimum`,
    { code: 'model/manifest-invalid', details: { field: 'safety_checker', inputs: got, outputs } },
  );
}

async function readJson(bundle: Bundle, path: string): Promise<Record<string, unknown>> {
  const bytes = await readBounded(bundle, path, MAX_CONFIG_BYTES);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw invalidFile(path, 'JSON', cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalidFile(path, 'a JSON object');
}

async function readBounded(bundle: Bundle, path: string, limit: number): Promise<Uint8Array> {
  const { size } = await bundle.source(path);
  if (size > limit) throw invalidFile(path, `at most ${limit} bytes, which ${size} are not`);
  return bundle.read(path);
}

function invalidFile(path: string, expected: string, cause?: unknown): ModelError {
  return new ModelError(`${path} must be ${expected}; convert the model again with another safety checker`, {
    code: 'model/manifest-invalid',
    details: { field: 'safety_checker', path, expected },
    cause,
  });
}
