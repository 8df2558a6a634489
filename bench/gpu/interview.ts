import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Precision, WeightClass } from '@flux-srpo/core';
import { agreements } from './agreements.ts';
import { ask } from './child.ts';
import type { Kernels, Line, ModelQuestion, Question, Rung, Tell } from './questions.ts';

export interface InterviewOptions {
  minutes: number;
  /** A narrow model, small sizes: each question is asked, none says anything of FLUX.1. */
  isSmall: boolean;
  /** Bytes of device memory to plan with. Default: 0.9 of what nvidia-smi tells, or 16 GB. */
  budget?: number | undefined;
  /** Starts this program again, to answer one question. */
  self: { command: string; args: readonly string[] };
  /** Of the unpacked files. */
  folder: URL;
  /** An empty folder for random weights. */
  scratch: string;
}

const DEFAULT_BUDGET = 16e9;
const SHARE_OF_MEMORY = 0.9;

/** Seconds that one question may take, before the clock has its say. */
const MOST_SECONDS = { adapter: 60, 'self-test': 180, ceiling: 60, picture: 90, weights: 240, model: 300, torch: 60 };
/** With less left, a question is not asked. */
const LEAST_SECONDS = 5;

const SIZES = { full: ['1024x1024', '512x512', '1024x768'], small: ['96x96', '64x64', '96x64'] };
const TEXT_TOKENS = { full: 512, small: 32 };
const CEILING_SIZE = { full: 4096, small: 256 };

/**
 * Asks all questions, the ones of most worth first, each in a process of its own. What the clock
 * does not allow, and what fails, becomes a line that says so.
 *
 * @returns whether the GPU computed what it must
 */
export async function interview(options: InterviewOptions, tellAll: Tell): Promise<boolean> {
  const { isSmall, folder, scratch } = options;
  const scale = isSmall ? 'small' : 'full';
  const started = performance.now() / 1000;
  const secondsLeft = (): number => options.minutes * 60 - (performance.now() / 1000 - started);
  const lines: Line[] = [];
  const tell: Tell = (line) => {
    lines.push(line);
    tellAll(line);
  };

  /** @returns whether the whole answer came */
  const put = async (question: Question, isInBackground = false): Promise<boolean> => {
    const { ask: what, ...about } = question;
    const seconds = Math.min(MOST_SECONDS[what], secondsLeft());
    const leaveOut = (why: string): boolean => {
      tell({ what: 'left-out', question: what, ...about, bundle: undefined, secondsLeft: undefined, why });
      return false;
    };
    if (seconds < LEAST_SECONDS) return leaveOut(`no time: ${Math.round(secondsLeft())} s of the clock`);
    if (!isInBackground) process.stderr.write(`${Math.round(secondsLeft())} s left: ${JSON.stringify(question)}\n`);
    const args = [...options.self.args, '--answer', JSON.stringify(question)];
    const problem = await ask(options.self.command, args, seconds, tell);
    return problem === undefined || leaveOut(problem);
  };

  const bundleOf = (dtype: WeightClass): string => join(scratch, dtype);
  const write = (dtype: WeightClass) => put({ ask: 'weights', dtype, isSmall, folder: bundleOf(dtype) }, true);
  const q4m = write('q4m');
  const writing: Partial<Record<WeightClass, Promise<boolean>>> = { q4m, q4: q4m.then(() => write('q4')) };

  await put({ ask: 'adapter' });
  const adapter = lines.find(({ what }) => what === 'adapter');
  if (adapter === undefined) return false;
  if (adapter.architecture === 'software' && !isSmall) {
    tell({ what: 'left-out', question: 'all', why: `${adapter.description} is no GPU; rehearse with --small` });
    return false;
  }
  const smi = nvidia();
  if (smi !== undefined) tell({ what: 'driver', ...smi });
  const budget = options.budget ?? (smi === undefined ? DEFAULT_BUDGET : SHARE_OF_MEMORY * smi.memoryBytes);

  const hasMatrices = Array.isArray(adapter.subgroupMatrices);
  const isTested =
    (await put({ ask: 'self-test' })) ||
    // Lavapipe dies of matrices where it has 32 lanes, and takes the whole answer with it.
    (hasMatrices && (await put({ ask: 'self-test', highestRung: 'subgroups' })));
  const verdict = lines.find(({ what }) => what === 'self-test') as { rung?: Rung; precision?: Precision } | undefined;
  // Kernels that fail are still timed in their simplest form. The last line says that they fail.
  const rung = verdict?.rung ?? 'no-subgroups';
  const hasHalves = verdict?.precision === 'f16';
  const best: Kernels = { precision: hasHalves ? 'f16' : 'f32', highestRung: rung };

  await put({ ask: 'ceiling', size: CEILING_SIZE[scale] });
  const pictures: Kernels[] = [best, ...(hasHalves ? [{ ...best, precision: 'f32' as const }] : [])];
  for (const kernels of pictures) await put({ ask: 'picture', ...kernels });

  const model = async (
    dtype: WeightClass,
    kernels: Kernels,
    weights: ModelQuestion['weights'],
    sizes: readonly string[] = SIZES[scale],
    isProfiled = false,
  ): Promise<void> => {
    const textTokens = TEXT_TOKENS[scale];
    const about = { dtype, ...kernels, weights, sizes };
    if (!(await writing[dtype]))
      return tell({ what: 'left-out', question: 'model', ...about, why: 'it has no weights' });
    const more = {
      bundle: bundleOf(dtype),
      textTokens,
      budget,
      isProfiled,
      secondsLeft: Math.min(MOST_SECONDS.model, secondsLeft()),
    };
    await put({ ask: 'model', ...about, ...more });
  };
  const without: Kernels = { ...best, highestRung: rung === 'matrices' ? 'subgroups' : 'no-subgroups' };
  const hasLower = rung !== 'no-subgroups';
  const floats: Kernels = { precision: 'f32', highestRung: rung };

  await model('q4m', best, 'resident', SIZES[scale], true);
  await askTorch();
  if (hasLower) await model('q4m', without, 'resident');
  if (hasHalves) await model('q4m', floats, 'resident');
  await model('q4m', best, 'streamed');
  await model('q4', best, 'resident');
  if (hasHalves) await model('q4', floats, 'resident');
  await model('q4', best, 'streamed');
  if (hasLower) await model('q4', without, 'resident');
  if (hasHalves) await model('q4m', floats, 'streamed', SIZES[scale].slice(0, 1));
  if (!hasLower) tell({ what: 'left-out', question: 'fewer features', why: `the best rung is ${rung}, the lowest` });
  if (!hasHalves) tell({ what: 'left-out', question: 'f16', why: 'no half precision, or it failed the self-test' });
  await Promise.all(Object.values(writing));

  for (const line of agreements(lines)) tell(line);
  const wrong = lines.filter(({ isRight, areFinite }) => isRight === false || areFinite === false);
  const isRight = isTested && wrong.length === 0;
  tell({ what: 'end', isRight, seconds: performance.now() / 1000 - started });
  return isRight;

  async function askTorch(): Promise<void> {
    const script = fileURLToPath(new URL('torch_blocks.py', folder));
    const seconds = Math.min(MOST_SECONDS.torch, secondsLeft());
    const args = [script, JSON.stringify({ sizes: SIZES[scale], textTokens: TEXT_TOKENS[scale] })];
    const problem = seconds < LEAST_SECONDS ? 'no time' : await ask('python3', args, seconds, tell);
    if (problem !== undefined) tell({ what: 'left-out', question: 'torch', why: problem });
  }
}

/** The first GPU of NVIDIA's own tool. */
function nvidia(): { name: string; driver: string; memoryBytes: number } | undefined {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader,nounits'];
  const { stdout, status } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  const [name, driver, mebibytes] = (stdout ?? '').split('\n')[0]!.split(', ');
  if (status !== 0 || name === undefined || driver === undefined) return undefined;
  return { name, driver, memoryBytes: Number(mebibytes) * 2 ** 20 };
}
