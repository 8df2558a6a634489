import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { CHROMIUM_ARGS, findChromium } from './scripts/lib/chromium.mjs';
import {
  countWorkers,
  cutNetwork,
  restoreNetwork,
  runRealBlockInNode,
  serveFixtureBundle,
} from './test/support/node-commands.ts';
import { convertFixtureWithCli } from './test/support/storage-commands.ts';

/** Nothing here should take seconds; a busy machine may make it. */
const UNIT_TEST_MS = 60_000;

/** SwiftShader and wasm on two cores: an honest test can take this long. */
const SLOW_TEST_MS = 10 * 60_000;

/** A software adapter compiles each kernel for a minute, once. */
const GPU_TEST_MS = 60 * 60_000;

const executablePath = findChromium();

/** The tests. The page has its own config: demo/vite.config.ts. */
export default defineConfig({
  worker: { format: 'es' },
  optimizeDeps: {
    // onnxruntime-web finds its .wasm beside itself through import.meta.url, which pre-bundling would move.
    exclude: ['onnxruntime-web'],
    // No import leads to the worker; a dependency found late would reload the page in the middle of a test.
    entries: [
      'packages/images/src/worker.ts',
      'packages/images/src/store/import-worker.ts',
      'test/support/gpu-worker.ts',
    ],
    include: ['openai'],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          environment: 'node',
          testTimeout: UNIT_TEST_MS,
          hookTimeout: UNIT_TEST_MS,
          include: ['packages/*/src/**/*.test.ts', 'models/*/scenes/**/*.test.ts', 'test/contract/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'parity',
          environment: 'node',
          include: ['test/parity/**/*.test.ts', 'test/cli/**/*.test.ts'],
          testTimeout: SLOW_TEST_MS,
          hookTimeout: SLOW_TEST_MS,
        },
      },
      {
        extends: true,
        test: {
          name: 'gpu',
          environment: 'node',
          include: ['test/gpu/**/*.test.ts'],
          testTimeout: GPU_TEST_MS,
          hookTimeout: SLOW_TEST_MS,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.browser.test.ts'],
          testTimeout: SLOW_TEST_MS,
          hookTimeout: SLOW_TEST_MS,
          // One page at a time: two would share one software GPU and two cores.
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            commands: {
              convertFixtureWithCli,
              countWorkers,
              cutNetwork,
              restoreNetwork,
              runRealBlockInNode,
              serveFixtureBundle,
            },
            instances: [{ browser: 'chromium' }],
            provider: playwright({
              launchOptions: { args: CHROMIUM_ARGS, ...(executablePath === undefined ? {} : { executablePath }) },
            }),
          },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          environment: 'node',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: SLOW_TEST_MS,
          hookTimeout: SLOW_TEST_MS,
          fileParallelism: false,
        },
      },
    ],
  },
});
