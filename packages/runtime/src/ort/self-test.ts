import { adapterIdentity, DeviceError, isFluxError, type Precision } from '@flux-srpo/core';
import { type AdapterReport, canUseHalves } from './adapter.ts';
import type { Stage } from './backend.ts';
import type { HalfGraphs } from './half-graphs.ts';
import { RUNG_FEATURES, type Rung } from './ladder.ts';
import type { SelfTestCase } from './self-test-case.ts';
import type { SelfTestVerdict, VerdictStore } from './self-test-verdict.ts';
import type { ShaderFix } from './shader-fix.ts';
import { defaultVerdictStore } from './verdict-store.ts';

/**
 * Drivers can make a kernel silently wrong (FlashAttention with 4-lane subgroups is one that was
 * found). So each new adapter answers questions whose answers are known, at the tile shapes the
 * model uses, and steps down a ladder: with subgroup matrices, with subgroups, without, not at all;
 * on the rung that holds, half precision or none. Matrices are there for halves, so they hold with
 * both. Last, each graph of the model in halves must agree with its twin in float32: that covers
 * every kernel that it uses, at its widths.
 */

/** Part of the key under which a verdict is remembered: raise it when the cases change. */
const SELF_TEST_VERSION = 6;

export interface SelfTestOptions {
  /** Default: IndexedDB, or memory where there is none. */
  store?: VerdictStore;
  /** Changes a kernel's output in place before it is judged: tests plant errors so. */
  tamper?: (kernel: string, rung: Rung, output: Float32Array) => void;
}

export interface SelfTestSubject {
  adapter: AdapterReport;
  /** Best first, at least one. */
  rungs: readonly Rung[];
  runtimeVersion: string;
  shaderFix?: ShaderFix | undefined;
  /** Absent: half precision is judged by its kernels alone. */
  halfGraphs?: HalfGraphs | undefined;
  openStage(label: string, rung: Rung, onProgram: (name: string) => void): Promise<Stage>;
}

interface Finding {
  kernel: string;
  /** max|got − want| / max|want|; NaN where there was no answer. */
  error: number;
  tolerance: number;
  /** Why there was no answer. */
  failure?: string;
}

export async function selfTest(subject: SelfTestSubject, options: SelfTestOptions = {}): Promise<SelfTestVerdict> {
  const store = options.store ?? defaultVerdictStore();
  const key = verdictKey(subject);
  const known = await store.get(key);
  if (isVerdict(known)) return { ...known, remembered: true };
  // Apart from the worker: most starts remember the verdict, and the questions bring a whole writer
  // of ONNX files along.
  const { halfKernelCases, kernelCases } = await import('./kernel-cases.ts');
  const { twinCases } = await import('./twin-cases.ts');

  const cases = kernelCases();
  const halfCases = [...halfKernelCases(), ...twinCases(subject.halfGraphs)];
  const steppedDown: string[] = [];
  let worst: Finding | undefined;
  for (const rung of subject.rungs) {
    const programs = new Set<string>();
    const findings = await askKernels(subject, cases, rung, programs, options.tamper);
    const wrong = findings.find(isWrong);
    if (wrong === undefined) {
      const halves = canUseHalves(subject.adapter)
        ? await askKernels(subject, halfCases, rung, programs, options.tamper)
        : [];
      const wrongHalf = halves.find(isWrong);
      if (wrongHalf !== undefined) {
        steppedDown.push(`${rung} in half precision: ${describe(wrongHalf)}`);
        if (rung === 'matrices') continue;
      }
      const precision: Precision = halves.length > 0 && wrongHalf === undefined ? 'f16' : 'f32';
      const counted = precision === 'f16' ? [...findings, ...halves] : findings;
      const errors = Object.fromEntries(counted.map(({ kernel, error }) => [kernel, error]));
      const { shaderFix } = subject;
      const verdict: SelfTestVerdict = {
        rung,
        precision,
        errors,
        programs: [...programs].sort(),
        steppedDown,
        ...(shaderFix === undefined ? {} : { shaderFix }),
        remembered: false,
      };
      await store.set(key, verdict);
      return verdict;
    }
    worst = wrong;
    steppedDown.push(`${rung}: ${describe(wrong)}`);
  }
  throw new DeviceError(
    `this GPU computes wrong numbers: ${steppedDown.join('; ')}. Update the driver or browser, or use the CPU`,
    {
      code: 'device/self-test-failed',
      details: { kernel: worst?.kernel, error: worst?.error, tolerance: worst?.tolerance, steppedDown },
    },
  );
}

/** Asks until the first wrong answer. */
async function askKernels(
  { openStage }: SelfTestSubject,
  cases: readonly SelfTestCase[],
  rung: Rung,
  programs: Set<string>,
  tamper: SelfTestOptions['tamper'],
): Promise<Finding[]> {
  const stage = await openStage('self-test', rung, (name) => programs.add(name));
  try {
    const findings: Finding[] = [];
    for (const kernelCase of cases) {
      const { kernel, tolerance } = kernelCase;
      try {
        const { got, want } = await kernelCase.ask(stage);
        tamper?.(kernel, rung, got);
        findings.push({ kernel, tolerance, error: relativeError(got, want) });
      } catch (cause) {
        // A kernel that cannot be built is as bad as a wrong one; a lost device or a dead worker
        // says nothing of kernels.
        if (!isFluxError(cause, 'inference/')) throw cause;
        findings.push({ kernel, tolerance, error: Number.NaN, failure: cause.message });
      }
      if (isWrong(findings.at(-1)!)) break;
    }
    return findings;
  } finally {
    await stage.close();
  }
}

/** Written so that NaN counts as wrong. */
function isWrong({ error, tolerance }: Finding): boolean {
  return !(error <= tolerance);
}

/** NaN anywhere makes it NaN, which no tolerance admits. */
function relativeError(got: Float32Array, want: Float32Array): number {
  if (got.length !== want.length) return Number.NaN;
  let maxError = 0;
  let maxWant = 0;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    if (Number.isNaN(error)) return Number.NaN;
    maxError = Math.max(maxError, error);
    maxWant = Math.max(maxWant, Math.abs(want[i]!));
  }
  return maxError / maxWant;
}

function describe({ kernel, error, tolerance, failure }: Finding): string {
  if (failure !== undefined) return `${kernel} did not run: ${failure}`;
  return `${kernel} is off by ${error.toExponential(1)} of the largest value, allowed ${tolerance.toExponential(1)}`;
}

/** With the fix: a browser that no longer needs it is another machine. */
function verdictKey({ adapter, rungs, runtimeVersion, shaderFix, halfGraphs }: SelfTestSubject): string {
  const { subgroupMinSize, subgroupMaxSize, features, subgroupMatrices = [] } = adapter;
  const identity = [...adapterIdentity(adapter), subgroupMinSize, subgroupMaxSize, features, ...subgroupMatrices];
  const asked = [runtimeVersion, rungs, shaderFix, halfGraphs?.identity, ...identity];
  return `flux-srpo self-test ${SELF_TEST_VERSION} ${JSON.stringify(asked)}`;
}

/** The store may give what another version wrote. */
function isVerdict(value: unknown): value is SelfTestVerdict {
  if (typeof value !== 'object' || value === null) return false;
  const { rung, precision, errors, programs, steppedDown } = value as Partial<SelfTestVerdict>;
  return (
    rung !== undefined &&
    Object.hasOwn(RUNG_FEATURES, rung) &&
    (precision === 'f32' || precision === 'f16') &&
    typeof errors === 'object' &&
    errors !== null &&
    Array.isArray(programs) &&
    Array.isArray(steppedDown)
  );
}
