import { MAX_CLASSIFIER_BYTES, readClassifierConfig, type SafetyChecker } from '@flux-srpo/core';
import { readJsonObject, requireFile, requireSize, type SourceFolder } from '../sources/source-folder.ts';
import type { BundleWriter } from './bundle-writer.ts';

/** A classifier as Hugging Face publishes it; its `safety_checker.json` says what is flagged. */
export interface SafetyCheckerFiles {
  readonly manifest: SafetyChecker;
  write(writer: BundleWriter): Promise<void>;
}

const FOLDER = 'safety_checker';
const CONFIGS = ['config.json', 'preprocessor_config.json'] as const;
const POLICY_FILE = 'safety_checker.json';
/** Repositories keep the weights beside the configs, or where transformers.js reads them. */
const MODEL_FILES = ['model.onnx', 'onnx/model.onnx'];

/** Fields with paths on the publisher's disk; they stay out of the bundle. */
const PATH_FIELDS = ['_name_or_path', 'name_or_path'];

/** Reads and checks a classifier's small files. The model is read when it is written. */
export async function readSafetyChecker(source: SourceFolder): Promise<SafetyCheckerFiles> {
  const paths = await source.list();
  const modelPath = MODEL_FILES.find((path) => paths.includes(path)) ?? (MODEL_FILES[0] as string);
  for (const config of CONFIGS) requireFile(paths, config, 'a classifier of transformers has one', FOLDER);
  requireFile(paths, modelPath, 'export it with optimum: optimum-cli export onnx', FOLDER);
  const example = '{"flagged": [labels], "threshold": 0.5, "notice": "what it looks for"}';
  requireFile(paths, POLICY_FILE, `write ${example}`, FOLDER);

  const config = await readJsonObject(source, CONFIGS[0]);
  const preprocessor = await readJsonObject(source, CONFIGS[1]);
  // The manifest's own check refuses what is wrong with the policy.
  const policy = (await readJsonObject(source, POLICY_FILE)) as unknown as Omit<SafetyChecker, 'folder'>;
  readClassifierConfig(config, preprocessor, Array.isArray(policy.flagged) ? policy.flagged : []);
  return {
    manifest: { ...policy, folder: FOLDER },
    async write(writer) {
      await writer.write(`${FOLDER}/${CONFIGS[0]}`, encode(config));
      await writer.write(`${FOLDER}/${CONFIGS[1]}`, encode(preprocessor));
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
