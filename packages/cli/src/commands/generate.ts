import {
  ACCELERATIONS,
  formatCount,
  type ImageSize,
  InputError,
  LIMITS,
  type Manifest,
  ModelError,
  parseSize,
  strict,
} from '@flux-srpo/core';
import {
  createPipeline,
  encodePicture,
  type GenerateRequest,
  type GenerateResult,
  type Pipeline,
  pictureSettings,
} from '@flux-srpo/runtime';
import { COMPUTING_OPTIONS, readComputing } from '../computing-options.ts';
import { formatSeconds } from '../format.ts';
import { openBackend } from '../open-backend.ts';
import { openModel } from '../open-model.ts';
import { numberOption, parseOptions, required, UsageError } from '../options.ts';
import { outputPaths, writeOutput } from '../output.ts';
import { progressBar } from '../progress.ts';
import { TensorFile } from '../tensor-file.ts';

/** Exit status if all went well and a picture was withheld. */
const EXIT_WITHHELD = 3;

export async function runGenerate(args: string[], signal: AbortSignal): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    model: { type: 'string' },
    prompt: { type: 'string' },
    size: { type: 'string' },
    steps: { type: 'string' },
    guidance: { type: 'string' },
    acceleration: { type: 'string' },
    seed: { type: 'string' },
    n: { type: 'string' },
    'max-sequence-length': { type: 'string' },
    'enable-safety-checker': { type: 'boolean', default: false },
    out: { type: 'string', default: 'picture.png' },
    ...COMPUTING_OPTIONS,
    'save-latents': { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  if (positionals.length > 0) throw new UsageError(`unexpected argument "${positionals[0]}"; quote the prompt`);
  if (values.prompt === undefined) throw new InputError('--prompt is required', { code: 'input/required' });
  const model = required(values.model, '--model');
  const computing = readComputing(values);
  type Numeric = 'steps' | 'guidance' | 'seed' | 'n' | 'max-sequence-length';
  const bounded = (name: Numeric, read: strict.Read<number>) => {
    const value = numberOption(values[name], name);
    return value === undefined ? undefined : read(value, `--${name}`);
  };
  const integer = (name: Numeric, [min, max]: readonly [number, number]) => bounded(name, strict.integer(min, max));
  const bundle = await openModel(model);
  if (values['enable-safety-checker'] && bundle.manifest.safety_checker === undefined) {
    throw new ModelError(
      '--enable-safety-checker needs a bundle with a safety checker, got one without; convert it with --safety-checker, or leave the option out',
      { code: 'model/safety-checker-missing', details: { field: 'enable-safety-checker' } },
    );
  }
  const request: GenerateRequest = {
    prompt: values.prompt,
    size: sizeOption(values.size, bundle.manifest),
    steps: integer('steps', LIMITS.num_inference_steps),
    guidance: bounded('guidance', strict.number(...LIMITS.guidance_scale)),
    acceleration:
      values.acceleration === undefined
        ? undefined
        : strict.oneOf(...ACCELERATIONS)(values.acceleration, '--acceleration'),
    seed: integer('seed', LIMITS.seed),
    n: integer('n', LIMITS.n),
    maxSequenceLength: integer('max-sequence-length', LIMITS.max_sequence_length),
    enableSafetyChecker: values['enable-safety-checker'],
  };
  if (values.guidance !== undefined && !hasGuidance(bundle.manifest)) {
    process.stderr.write('--guidance changes nothing: this model has no input for guidance\n');
  }
  const { notes, ...means } = await openBackend(computing, bundle);
  const pipeline = await createPipeline({ bundle, ...means, keepsWeights: false });
  const tensors = values['save-latents'] === undefined ? undefined : new TensorFile(values['save-latents']);
  if (process.stderr.isTTY && !values.json) for (const note of notes) process.stderr.write(`${note}\n`);
  const bar = progressBar('generate', values.json);
  try {
    const result = await pipeline.generate(request, {
      signal,
      onProgress: ({ fraction, text }) => bar.update(fraction, text),
      ...(tensors ? { onTensor: tensors.add } : {}),
    });
    bar.stop();
    const files: (string | null)[] = outputPaths(values.out, result.images.length);
    for (const [i, image] of result.images.entries()) {
      if (result.flagged?.[i]) files[i] = null;
      else await writeOutput(files[i] as string, encodePicture(image, pictureSettings(result, i, pipeline.bundle)));
    }
    await tensors?.write();
    if (files.includes(null)) process.exitCode = EXIT_WITHHELD;
    printResult(result, files, pipeline, values.json);
  } finally {
    bar.stop();
    await pipeline.dispose();
  }
}

/** @param files one per picture, null for one that is withheld */
function printResult(
  result: GenerateResult,
  files: readonly (string | null)[],
  { bundle, backend }: Pipeline,
  json: boolean,
): void {
  const { timings, memory, dropped, flagged } = result;
  const { guidance, ...request } = result.request;
  if (json) {
    const { name, info } = backend;
    const record = {
      files,
      ...(flagged === undefined ? {} : { flagged }),
      ...request,
      ...(hasGuidance(bundle.manifest) && { guidance }),
      model: bundle.manifest.model,
      bundle: bundle.identity,
      backend: name,
      runtime: info.runtimeVersion,
      timings,
      memory,
      dropped,
    };
    process.stdout.write(`${JSON.stringify(record)}\n`);
    return;
  }
  if (dropped.t5 > 0)
    process.stderr.write(`the prompt is ${formatCount(dropped.t5, 'token')} too long; its end was not used\n`);
  const written = files.filter((file) => file !== null);
  const withheld = files.length - written.length;
  if (withheld > 0)
    process.stderr.write(`${withheld} of ${formatCount(files.length, 'picture')} withheld by the safety checker\n`);
  if (written.length === 0) return;
  process.stdout.write(`${written.join(' ')}  seed ${request.seed}  ${formatSeconds(timings.total / 1000)}\n`);
}

function hasGuidance({ config }: Manifest): boolean {
  return config.transformer.guidance_embeds;
}

function sizeOption(value: string | undefined, { sizes }: Manifest): ImageSize | undefined {
  if (value === undefined) return undefined;
  if (Object.hasOwn(sizes, value)) return sizes[value as keyof typeof sizes];
  return parseSize(value, '--size', Object.keys(sizes));
}
