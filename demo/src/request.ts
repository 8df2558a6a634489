import type { ImageRequestNonStreaming, ImageSize, LoadedModel, SizePreset } from 'flux-srpo';
import { randomSeed } from 'flux-srpo/wire';
import { sizeChoices } from './sizes.ts';
import type { FormValues } from './state.ts';

/** Which entry of the list of sizes is chosen. */
export function chosenSize({ size }: FormValues, model: LoadedModel): SizePreset | 'custom' {
  if (size === 'custom') return 'custom';
  const names = sizeChoices(model).map(({ name }) => name);
  return size !== undefined && names.includes(size) ? size : model.defaults.size;
}

export function pixelsOf(form: FormValues, model: LoadedModel): ImageSize {
  const size = chosenSize(form, model);
  return size === 'custom' ? { width: Number(form.width), height: Number(form.height) } : model.sizes[size];
}

export function promptOf({ prompt }: FormValues, model: LoadedModel | undefined): string {
  return prompt ?? model?.examples[0] ?? '';
}

/** The request that the form asks for. Without a seed of the form one is drawn. */
export function readRequest(form: FormValues, model: LoadedModel): ImageRequestNonStreaming & { seed: number } {
  const { steps, guidance, n, acceleration, safety, seed } = form;
  const size = chosenSize(form, model);
  return {
    prompt: promptOf(form, model),
    size: size === 'custom' ? `${Number(form.width)}x${Number(form.height)}` : size,
    num_inference_steps: steps === undefined ? model.defaults.num_inference_steps : Number(steps),
    ...(model.hasGuidance && { guidance_scale: Number(guidance ?? model.defaults.guidance_scale) }),
    ...(Number(n) > 1 && { n: Number(n) }),
    ...(model.hasStepCache && acceleration !== 'none' && { acceleration }),
    ...(model.hasSafetyChecker && safety && { enable_safety_checker: true }),
    seed: seed === '' ? randomSeed() : Number(seed),
  };
}

/** The form that asks for this request again. */
export function formOf(request: ImageRequestNonStreaming): FormValues {
  const { prompt, size, num_inference_steps: steps, guidance_scale: guidance, n, acceleration, seed } = request;
  const custom = /^(\d+)x(\d+)$/.exec(size ?? '');
  return {
    prompt,
    size: custom === null ? ((size ?? undefined) as SizePreset | undefined) : 'custom',
    width: custom?.[1] ?? '',
    height: custom?.[2] ?? '',
    steps: textOf(steps),
    guidance: textOf(guidance),
    n: String(n ?? 1),
    acceleration: acceleration ?? 'none',
    safety: request.enable_safety_checker ?? false,
    seed: textOf(seed) ?? '',
  };
}

function textOf(value: number | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
