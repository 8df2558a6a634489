import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runNode } from './process.mjs';
import { checkSoftwareGpu, LANES, onSoftwareGpu, setUpSoftwareGpu } from './software-gpu.mjs';

/**
 * @typedef {{
 *   name: string,
 *   passed: number,
 *   failures: string[],
 *   skipped: { name: string, reason: string }[],
 *   seconds: number,
 * }} Tally
 */

/** @returns {Promise<Tally>} */
export function lint() {
  return check('lint', () => runNode('node_modules/@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']));
}

/**
 * Checks each package and model with its own tsconfig (each has its own globals), then everything
 * outside them.
 */
export function typecheck() {
  return check('typecheck', async () => {
    const projects = ['packages', 'models'].flatMap((folder) =>
      readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`),
    );
    let worst = 0;
    for (const project of [...projects.filter((path) => existsSync(join(ROOT, path, 'tsconfig.json'))), '.']) {
      const code = await runNode('node_modules/typescript/bin/tsc', ['-p', project]);
      if (code !== 0) console.error(`type errors in ${project}`);
      worst = Math.max(worst, code);
    }
    return worst;
  });
}

/**
 * Runs one tier of tests: one project of vite.config.ts.
 *
 * @param {string} project
 * @param {{ name?: string } & Parameters<typeof runNode>[2]} [options] in which Node, under which
 *   name it is counted
 * @returns {Promise<Tally>}
 */
export async function vitest(project, { name = project, env = process.env, ...how } = {}) {
  const started = performance.now();
  const base = join(ROOT, '.cache', 'tests', name.replaceAll(' ', '-'));
  const file = `${base}.json`;
  mkdirSync(join(ROOT, '.cache', 'tests'), { recursive: true });
  rmSync(file, { force: true });
  // Tiers run side by side, so what each prints is shown whole when it ends.
  const log = openSync(`${base}.log`, 'w');
  console.log(`running ${name}`);
  const args = ['run', `--project=${project}`, '--reporter=default', '--reporter=./scripts/lib/tally-reporter.mjs'];
  const code = await runNode('node_modules/vitest/vitest.mjs', args, {
    ...how,
    env: { ...env, TEST_TALLY: file },
    output: log,
  });
  closeSync(log);
  process.stdout.write(`\n${name}\n${readFileSync(`${base}.log`, 'utf8')}`);
  const seconds = (performance.now() - started) / 1000;
  const { passed, failures, skipped } = readTally(file);
  // A run can end badly without one failed test (a crash, an unhandled error). That is a failure
  // too.
  if (code !== 0 && failures.length === 0) failures.push(`vitest ended with exit code ${code}`);
  return { name, passed, failures, skipped, seconds };
}

/**
 * Runs the tier of GPUs on the software adapter, once for each size of its subgroups. Where there
 * can be none it is skipped: nobody's network or distribution fails a test.
 *
 * @returns {Promise<Tally[]>}
 */
export async function vitestOnSoftwareGpu() {
  const missing = setUpSoftwareGpu();
  const tallies = [];
  for (const lanes of LANES) {
    const name = `gpu ${lanes}`;
    const reason = missing ?? checkSoftwareGpu(lanes);
    if (reason === undefined) tallies.push(await vitest('gpu', { name, ...onSoftwareGpu(lanes) }));
    else tallies.push(skippedWhole(name, `the software GPU with ${lanes} lanes`, reason));
  }
  return tallies;
}

/**
 * @param {string} name of the tier
 * @param {string} test
 * @param {string} reason
 * @returns {Tally}
 */
function skippedWhole(name, test, reason) {
  return { name, passed: 0, failures: [], skipped: [{ name: test, reason }], seconds: 0 };
}

/**
 * Runs lists of checks side by side, each list in its order.
 *
 * @param {(() => Promise<Tally | Tally[]>)[][]} lists
 * @returns {Promise<Tally[]>} in the order of the lists
 */
export async function sideBySide(lists) {
  const inOrder = async (/** @type {(() => Promise<Tally | Tally[]>)[]} */ list) => {
    const tallies = [];
    for (const run of list) tallies.push(await run());
    return tallies.flat();
  };
  return (await Promise.all(lists.map(inOrder))).flat();
}

/**
 * Tests that could not start count as one failure, never as nothing.
 *
 * @param {string} name
 * @returns {Tally}
 */
export function couldNotRun(name) {
  return { name, passed: 0, failures: ['could not run'], skipped: [], seconds: 0 };
}

/** @param {string} file */
function readTally(file) {
  try {
    return /** @type {Pick<Tally, 'passed' | 'failures' | 'skipped'>} */ (JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return { passed: 0, failures: ['left no report'], skipped: [] };
  }
}

/**
 * @param {string} name
 * @param {() => Promise<number>} run
 * @returns {Promise<Tally>}
 */
async function check(name, run) {
  const started = performance.now();
  const code = await run();
  const seconds = (performance.now() - started) / 1000;
  return { name, passed: code === 0 ? 1 : 0, failures: code === 0 ? [] : ['see above'], skipped: [], seconds };
}

/**
 * Prints what ran, what was skipped and why, and the totals as the last line.
 *
 * @param {Tally[]} tallies
 * @returns {number} exit code
 */
export function printTally(tallies) {
  console.log();
  for (const { name, passed, failures, seconds } of tallies) {
    console.log(
      `${name.padEnd(10)} ${String(passed).padStart(5)} passed ${String(failures.length).padStart(4)} failed ${seconds.toFixed(1).padStart(8)} s`,
    );
  }
  const skipped = tallies.flatMap((tally) =>
    tally.skipped.map((test) => `skipped: ${tally.name}: ${test.name} (${test.reason})`),
  );
  for (const line of skipped) console.log(line);
  if (skipped.length > 0) console.log(`${skipped.length} skipped`);
  for (const tally of tallies) for (const failure of tally.failures) console.log(`failed: ${tally.name}: ${failure}`);
  const failed = tallies.reduce((sum, tally) => sum + tally.failures.length, 0);
  console.log(`${tallies.reduce((sum, tally) => sum + tally.passed, 0)} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
