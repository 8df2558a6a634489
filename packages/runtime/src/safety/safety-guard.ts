import type { Bundle } from '../bundle/bundle.ts';
import type { GeneratedImage } from '../generation/picture.ts';
import type { Backend, Stage } from '../ort/backend.ts';
import type { Classifier } from './classifier.ts';

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

  /** Loads the classifier, once: before pictures are drawn, so that a bad one fails at once. */
  async load(): Promise<void> {
    const checker = this.#bundle.manifest.safety_checker;
    if (this.#loaded !== undefined || checker === undefined) return;
    const stage = await this.#backend.openStage('safety', 'cpu');
    try {
      // The library behind it is large, and loaded only for those who ask for checks.
      const { loadClassifier } = await import('./classifier.ts');
      this.#loaded = { stage, classifier: await loadClassifier(stage, this.#bundle, checker) };
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** Whether a picture must be withheld. To be called after `load`. */
  async isFlagged(image: GeneratedImage): Promise<boolean> {
    const checker = this.#bundle.manifest.safety_checker;
    if (this.#loaded === undefined || checker === undefined) throw new Error('isFlagged must come after load');
    const probabilities = await this.#loaded.classifier.classify(image);
    const flagged = checker.flagged.reduce((sum, label) => sum + (probabilities.get(label) ?? 0), 0);
    return flagged >= checker.threshold;
  }

  /** Gives the classifier's memory back; `load` may follow. */
  async close(): Promise<void> {
    const stage = this.#loaded?.stage;
    this.#loaded = undefined;
    await stage?.close();
  }
}

/** Stands in for a flagged picture: black, of the same size. */
export function withheld({ width, height }: GeneratedImage): GeneratedImage {
  return { width, height, rgb: new Uint8Array(3 * width * height) };
}
