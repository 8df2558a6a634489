import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installBrowsers } from './lib/browsers.mjs';
import { couldNotRun, lint, printTally, sideBySide, typecheck, vitest, vitestOnSoftwareGpu } from './lib/checks.mjs';
import { findOrInstallChromium } from './lib/install-chromium.mjs';
import { runNode } from './lib/process.mjs';
import { checkNode, installDependencies } from './lib/setup.mjs';
import { checkSoftwareGpu, onSoftwareGpu, setUpSoftwareGpu } from './lib/software-gpu.mjs';

/**
 * `node scripts/run.mjs <command>`. Every command installs what it needs first, so a fresh clone
 * needs only Node and git.
 */
const COMMANDS = {
  /**
   * Serves the demo page with the embedded model, or with the bundle that `--model` names. With
   * `--isolate` wasm may use threads.
   */
  async start() {
    const { values } = parseArgs({
      args: process.argv.slice(3),
      options: {
        port: { type: 'string', default: process.env.PORT ?? '5173' },
        host: { type: 'string' },
        model: { type: 'string' },
        isolate: { type: 'boolean', default: false },
      },
    });
    if (values.isolate) process.env.FLUX_ISOLATE = '1';
    if (values.model !== undefined) process.env.FLUX_BUNDLE = resolve(values.model);
    const host = values.host === undefined ? [] : ['--host', values.host];
    return runNode('node_modules/vite/bin/vite.js', ['demo', '--port', values.port, ...host]);
  },

  /** Writes the page as static files for any host. */
  build() {
    const { values } = parseArgs({
      args: process.argv.slice(3),
      options: { model: { type: 'string' }, out: { type: 'string', default: 'demo/dist' } },
    });
    if (values.model !== undefined) process.env.FLUX_BUNDLE = resolve(values.model);
    return runNode('node_modules/vite/bin/vite.js', [
      'build',
      'demo',
      '--outDir',
      resolve(values.out),
      '--emptyOutDir',
    ]);
  },

  async typecheck() {
    return printTally([await typecheck()]);
  },

  async test() {
    const chromium = findOrInstallChromium();
    installBrowsers();
    const inPage = (/** @type {string} */ tier) => async () =>
      chromium === undefined ? couldNotRun(tier) : vitest(tier);
    const inNode = ['unit', 'repository', 'contract', 'parity', 'fuzz', 'cli'].map((tier) => () => vitest(tier));
    // Tiers of one list share something: a build of the package, or the software GPU's threads.
    return printTally(
      await sideBySide([
        [lint, typecheck, ...inNode, inPage('package'), inPage('browsers'), inPage('endure')],
        [() => vitest('gpu'), vitestOnSoftwareGpu, inPage('browser'), inPage('e2e')],
      ]),
    );
  },

  /** `<lanes> <script> ...`: runs a script of Node on the software GPU that the tests use. */
  async gpu() {
    const [lanes, script = '', ...args] = process.argv.slice(3);
    const missing = setUpSoftwareGpu() ?? checkSoftwareGpu(Number(lanes));
    if (missing !== undefined) {
      console.error(`there is no software GPU with ${lanes} lanes: ${missing}`);
      return 1;
    }
    return runNode(script, args, onSoftwareGpu(Number(lanes)));
  },

  /** One tier alone. With `--write` docs/browsers.md becomes what it finds. */
  async 'test:browsers'() {
    const { values } = parseArgs({
      args: process.argv.slice(3),
      options: { write: { type: 'boolean', default: false } },
    });
    findOrInstallChromium();
    installBrowsers();
    if (values.write) process.env.BROWSERS_WRITE = '1';
    const code = printTally([await vitest('browsers')]);
    return code === 0 && values.write ? COMMANDS.docs() : code;
  },

  /** Builds with tools of others, which it fetches from the npm registry. */
  async 'test:ecosystem'() {
    findOrInstallChromium();
    return printTally([await vitest('ecosystem')]);
  },

  /** Writes the generated pages of docs/ again. */
  docs() {
    return runNode('node_modules/tsx/dist/cli.mjs', ['scripts/docs.ts']);
  },

  /** Compiles the quantizer's kernels again. */
  wasm() {
    return runNode('node_modules/tsx/dist/cli.mjs', ['scripts/wasm.ts']);
  },

  /** Takes README's pictures again, of the real page. */
  screenshots() {
    findOrInstallChromium();
    return runNode('node_modules/tsx/dist/cli.mjs', ['scripts/screenshots.ts']);
  },

  /** Runs `test` with the long tests too (test/README.md lists them). */
  async 'test:full'() {
    process.env.TEST_FULL = '1';
    // For tests in a page: Vite shows them variables whose names begin with VITE_.
    process.env.VITE_TEST_FULL = '1';
    return COMMANDS.test();
  },
};

const name = process.argv[2] ?? '';
if (!Object.hasOwn(COMMANDS, name)) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(COMMANDS).join(' | ')}`);
  process.exit(2);
}
checkNode();
installDependencies();
process.exitCode = await COMMANDS[/** @type {keyof typeof COMMANDS} */ (name)]();
