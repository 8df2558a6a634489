import { InputError, type Progress, type SafetyChecker } from '@flux-srpo/core';
import type { Bundle } from '../bundle/bundle.ts';
import type { GenerateOptions, GenerateResult } from '../generation/contract.ts';
import type { GeneratedImage } from '../generation/picture.ts';
import type { Backend, Stage } from '../ort/backend.ts';
import type { Classifier } from './classifier.ts';

/** Checking takes about this share of a call. A guess. */
const CHECK_SHARE = 0.02;

/** The bundle's classifier, always on the CPU: a faulty GPU driver must not let pictures pass. */
export class SafetyGuard {
  readonly #bundle: Bundle;
  readonly #backend: Backend;
  #loaded: { stage: Stage; classifier: Classifier } | undefined;

  constructor(backend: Backend, bundle: Bundle) {
    this.#backend = backend;
    this.#bundle = bundle;
  }

  /** Loads the code of the classifier, if this bundle has one. */
  async prepare(): Promise<void> {
    if (this.#bundle.manifest.safety_checker !== undefined) await import('./classifier.ts');
  }

  /**
   * A generation whose pictures are checked before anyone sees them: there are no previews, and
   * flagged pictures come back black. For bundles with a classifier.
   * @param draw makes the pictures
   */
  async generate(
    options: GenerateOptions,
    draw: (options: GenerateOptions) => Promise<GenerateResult>,
  ): Promise<GenerateResult> {
    if (options.onTensor) {
      throw new InputError(
        'onTensor and enableSafetyChecker exclude each other, got both; tensors are not checked, so ask for one of them',
        {
          code: 'input/conflict',
          details: { field: 'enable_safety_checker' },
        },
      );
    }
    const started = performance.now();
    const checker = this.#bundle.manifest.safety_checker!;
    // Before pictures are drawn, so that a bad classifier fails at once.
    const classifier = await this.#load(checker);
    const { onProgress, signal } = options;
    const onDrawn = (event: Progress) => onProgress?.({ ...event, fraction: event.fraction * (1 - CHECK_SHARE) });
    const result = await draw({ ...options, onPreview: undefined, onProgress: onDrawn });
    const total = result.images.length;
    const text = total === 1 ? 'Checking the picture' : 'Checking the pictures';
    const flagged: boolean[] = [];
    for (const image of result.images) {
      signal?.throwIfAborted();
      const probabilities = await classifier.classify(image);
      const sum = checker.flagged.reduce((total, label) => total + (probabilities.get(label) ?? 0), 0);
      const done = flagged.push(sum >= checker.threshold);
      onProgress?.({ stage: 'check', done, total, text, fraction: 1 - CHECK_SHARE * (1 - done / total) });
    }
    const images = result.images.map((image, i) => (flagged[i] ? withheld(image) : image));
    const timings = { ...result.timings, total: performance.now() - started };
    return { ...result, images, flagged, timings };
  }

  /** Loads the classifier, once. */
  async #load(checker: SafetyChecker): Promise<Classifier> {
    if (this.#loaded !== undefined) return this.#loaded.classifier;
    const stage = await this.#backend.openStage('safety', 'cpu');
    try {
      // The library behind it is large, and loaded only for those who ask for checks.
      const { loadClassifier } = await import('./classifier.ts');
      this.#loaded = { stage, classifier: await loadClassifier(stage, this.#bundle, checker) };
      return this.#loaded.classifier;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** Gives the classifier's memory back. The next generation loads it again. */
  async close(): Promise<void> {
    const stage = this.#loaded?.stage;
    this.#loaded = undefined;
    await stage?.close();
  }
}

/** Stands in for a flagged picture: black, of the same size. */
function withheld({ width, height }: GeneratedImage): GeneratedImage {
  return { width, height, rgb: new Uint8Array(3 * width * height) };
}
