import { MAX_CLASSIFIER_BYTES, readClassifierConfig, type SafetyChecker } from '@flux-srpo/core';
import { readJsonObject, requireFile, requireSize, type SourceFolder } from '../sources/source-folder.ts';
import type { BundleWriter } from './bundle-writer.ts';

/**
 * An image classifier as Hugging Face publishes them, with `safety_checker.json`, which says what
 * is flagged.
 */
export interface SafetyCheckerFiles {
  readonly manifest: SafetyChecker;
  write(writer: BundleWriter): Promise<void>;
}

const FOLDER = 'safety_checker';
const POLICY_FILE = 'safety_checker.json';
/**
 * Where repositories keep the weights: beside the configs, or in the folder that transformers.js
 * reads.
 */
const MODEL_FILES = ['model.onnx', 'onnx/model.onnx'];

/** Fields with paths on the publisher's disk; they stay out of the bundle. */
const PATH_FIELDS = ['_name_or_path', 'name_or_path'];

/**
 * Reads and checks the small files of a classifier's folder; the model is read when it is written.
 */
export async function readSafetyChecker(source: SourceFolder): Promise<SafetyCheckerFiles> {
  const paths = await source.list();
  const modelPath = MODEL_FILES.find((path) => paths.includes(path)) ?? (MODEL_FILES[0] as string);
  requireFile(paths, 'config.json', 'a classifier of transformers has one', FOLDER);
  requireFile(paths, 'preprocessor_config.json', 'a classifier of transformers has one', FOLDER);
  requireFile(paths, modelPath, 'export it with optimum: optimum-cli export onnx', FOLDER);
  requireFile(
    paths,
    POLICY_FILE,
    'write {"flagged": [labels], "threshold": 0.5, "notice": "what it looks for"}',
    FOLDER,
  );

  const config = await readJsonObject(source, 'config.json');
  const preprocessor = await readJsonObject(source, 'preprocessor_config.json');
  // The manifest's own check refuses what is wrong with the policy.
  const policy = (await readJsonObject(source, POLICY_FILE)) as unknown as Omit<SafetyChecker, 'folder'>;
  readClassifierConfig(config, preprocessor, Array.isArray(policy.flagged) ? policy.flagged : []);
  return {
    manifest: { ...policy, folder: FOLDER },
    async write(writer) {
      await writer.write(`${FOLDER}/config.json`, encode(config));
      await writer.write(`${FOLDER}/preprocessor_config.json`, encode(preprocessor));
      const model = await source.open(modelPath);
      try {
        requireSize(model, modelPath, MAX_CLASSIFIER_BYTES);
        await writer.copy(`${FOLDER}/model.onnx`, model);
      } finally {
        await model.close?.();
      }
    },
  };
}

function encode(json: Record<string, unknown>): Uint8Array {
  const kept = Object.fromEntries(Object.entries(json).filter(([field]) => !PATH_FIELDS.includes(field)));
  return new TextEncoder().encode(JSON.stringify(kept));
}
