import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { chromiumOptions } from './scripts/lib/chromium.mjs';
import { usedHeap } from './test/browser/support/heap-commands.ts';
import {
  countWorkers,
  cutNetwork,
  restoreNetwork,
  runRealBlockInNode,
  serveCounted,
  serveFixtureBundle,
  serveStandInHub,
  takeCounts,
} from './test/browser/support/node-commands.ts';
import { convertFixtureWithCli } from './test/browser/support/storage-commands.ts';

/** No unit test should take seconds, but a busy machine may need them. */
const UNIT_TEST_MS = 120_000;

/** What a test polls for comes in a moment, on a busy machine later. Only a fault takes as long. */
const POLL_MS = 60_000;

/** SwiftShader and wasm on two cores are this slow. */
const SLOW_TEST_MS = 10 * 60_000;

/** A software adapter compiles each kernel for up to a minute, once. */
const GPU_TEST_MS = 60 * 60_000;

/** A tier that runs in Node. */
function inNode(name: string, include: string[], timeoutMs: number): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: {
      name,
      environment: 'node',
      include,
      testTimeout: timeoutMs,
      hookTimeout: Math.min(timeoutMs, SLOW_TEST_MS),
    },
  };
}

function oneAtATime(project: TestProjectInlineConfiguration): TestProjectInlineConfiguration {
  return { ...project, test: { ...project.test, fileParallelism: false } };
}

/** The page is built once for all files of the tier. */
function withSite(project: TestProjectInlineConfiguration): TestProjectInlineConfiguration {
  return { ...project, test: { ...project.test, globalSetup: ['test/e2e/support/site.ts'] } };
}

/** The tests. The page has its own config: demo/vite.config.ts. */
export default defineConfig({
  worker: { format: 'es' },
  optimizeDeps: {
    // onnxruntime-web finds its .wasm beside itself through import.meta.url. Pre-bundling would
    // move it.
    exclude: ['onnxruntime-web'],
    // No import leads to the workers. A dependency that Vite finds late would reload the page in
    // the middle of a test.
    entries: [
      'packages/images/src/worker.ts',
      'packages/images/src/store/import/import-worker.ts',
      'test/browser/support/gpu-worker.ts',
    ],
    include: ['openai'],
  },
  test: {
    expect: { poll: { timeout: POLL_MS } },
    teardownTimeout: POLL_MS,
    projects: [
      inNode('unit', ['{packages/*,demo}/src/**/*.test.ts', 'models/*/scenes/**/*.test.ts'], UNIT_TEST_MS),
      inNode('repository', ['test/repository/**/*.test.ts'], SLOW_TEST_MS),
      inNode('contract', ['test/contract/**/*.test.ts'], UNIT_TEST_MS),
      inNode('parity', ['test/parity/**/*.test.ts'], SLOW_TEST_MS),
      inNode('fuzz', ['test/fuzz/**/*.test.ts'], SLOW_TEST_MS),
      inNode('cli', ['test/cli/**/*.test.ts'], SLOW_TEST_MS),
      // The tiers below run one file at a time: their files would share two cores and one software
      // GPU.
      oneAtATime(inNode('gpu', ['test/gpu/**/*.test.ts'], GPU_TEST_MS)),
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.browser.test.ts'],
          testTimeout: SLOW_TEST_MS,
          hookTimeout: SLOW_TEST_MS,
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
              serveCounted,
              serveFixtureBundle,
              serveStandInHub,
              takeCounts,
              usedHeap,
            },
            instances: [{ browser: 'chromium' }],
            connectTimeout: SLOW_TEST_MS,
            provider: playwright({ launchOptions: chromiumOptions() }),
          },
        },
      },
      oneAtATime(inNode('package', ['test/package/**/*.test.ts'], SLOW_TEST_MS)),
      oneAtATime(inNode('browsers', ['test/browsers/**/*.test.ts'], SLOW_TEST_MS)),
      oneAtATime(inNode('endure', ['test/endure/**/*.test.ts'], SLOW_TEST_MS)),
      oneAtATime(inNode('ecosystem', ['test/ecosystem/**/*.test.ts'], SLOW_TEST_MS)),
      withSite(oneAtATime(inNode('e2e', ['test/e2e/**/*.test.ts'], SLOW_TEST_MS))),
    ],
  },
});
