import { InferenceError, ModelError, readClassifierConfig, type SafetyChecker } from '@flux-srpo/core';
import { RawImage, softmax, type Tensor } from '@huggingface/transformers';
import type { Bundle } from '../bundle/bundle.ts';
import { requireHarmless } from '../bundle/harmless-graph.ts';
import type { GeneratedImage } from '../generation/picture.ts';
import type { Session, Stage } from '../ort/backend.ts';
import { PillowImageProcessor } from './image-processor.ts';

/**
 * An image classifier of transformers: transformers.js prepares the picture and reads the answer,
 * the bundle's verified bytes run on our own onnxruntime. The library's pipelines bring another
 * onnxruntime, 23 MB from a CDN, even to pick the largest of seven numbers; here nothing is fetched
 * that the bundle does not list.
 */

/** Where the graph names a picture and the classes' scores, as transformers exports them. */
const INPUT = 'pixel_values';
const OUTPUT = 'logits';
const GRAPH = 'safety_checker';

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
  const session = await stage.session(GRAPH, async () => {
    const bytes = await bundle.read(`${folder}/model.onnx`);
    requireHarmless(GRAPH, bytes, 'others');
    return bytes;
  });
  checkGraph(session);

  return {
    async classify({ rgb, width, height }) {
      const { pixel_values } = await processor([new RawImage(rgb, width, height, 3)]);
      const probabilities = softmax(await run(stage, session, pixel_values, labels.length));
      return new Map(labels.map((label, i) => [label, probabilities[i] as number]));
    },
  };
}

/** Logits of one picture. NaN is an error, because it would count as harmless. */
async function run(stage: Stage, session: Session, { data, dims }: Tensor, count: number): Promise<Float32Array> {
  const outputs = await stage.run(session, { [INPUT]: { dtype: 'float32', dims, data: data as Float32Array } });
  try {
    const logits = await stage.read(outputs[OUTPUT]!);
    if (logits.length === count && logits.every(Number.isFinite)) return logits;
    throw new InferenceError(
      `the safety checker must give ${count} finite numbers, got ${logits.length}, of which ${logits.filter(Number.isFinite).length} are finite; use another classifier`,
      { code: 'inference/output-invalid', details: { expected: count, got: logits.length } },
    );
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
  const bytes = await bundle.read(path);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw invalidFile(path, 'JSON', cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalidFile(path, 'a JSON object');
}

function invalidFile(path: string, expected: string, cause?: unknown): ModelError {
  return new ModelError(`${path} must be ${expected}; convert the model again with another safety checker`, {
    code: 'model/manifest-invalid',
    details: { field: 'safety_checker', path, expected },
    cause,
  });
}
