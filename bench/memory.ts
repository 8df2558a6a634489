// GPU bytes that a generation of FLUX.1's shape really allocates, beside what the plan says.
//
//   npx tsx bench/memory.ts [--budget 8GB …] [--size 1024x1024] [--dtype q4] [--n 1] [--steps 2]
//                           [--tokens 512] [--blocks 19,38,24] [--compute]
//
// One JSON line per phase. Runs in headless Chromium on WebGPU. Buffers are created, used, pooled
// and released as in a real run, but nothing is computed and the weights are zeros that are not
// uploaded, so that full size takes minutes on any machine. `--compute` computes and uploads, to
// check the count itself at a small size with few blocks.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PLAN_PHASES, parseSize } from '@flux-srpo/core';
import { chromium } from 'playwright';
import { createServer } from 'vite';
import { CHROMIUM_ARGS, findChromium } from '../scripts/lib/chromium.mjs';
import type { CountOptions } from './memory/page.ts';

const { values } = parseArgs({
  options: {
    budget: { type: 'string', multiple: true, default: ['8e9', '2e9'] },
    size: { type: 'string', default: '1024x1024' },
    dtype: { type: 'string', default: 'q4' },
    n: { type: 'string', default: '1' },
    steps: { type: 'string', default: '2' },
    tokens: { type: 'string', default: '512' },
    blocks: { type: 'string', default: '19,38,24' },
    compute: { type: 'boolean', default: false },
  },
});

const HEAP_POLL_MS = 250;

const root = fileURLToPath(new URL('..', import.meta.url));
const server = await createServer({
  root,
  configFile: false,
  logLevel: 'warn',
  server: { port: 0, hmr: false, watch: null },
  optimizeDeps: { exclude: ['onnxruntime-web'], entries: ['bench/memory/page.ts'] },
});
await server.listen();
const executablePath = findChromium();
const browser = await chromium.launch({
  args: CHROMIUM_ARGS,
  ...(executablePath === undefined ? {} : { executablePath }),
});
try {
  for (const budget of values.budget.map(Number)) {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    page.on('console', (message) => {
      if (message.type() === 'error') process.stderr.write(`${message.text()}\n`);
    });
    await page.goto(`${server.resolvedUrls?.local[0]}bench/memory/page.html`);
    await page.waitForFunction(() => 'countMemory' in window);
    const devtools = await page.context().newCDPSession(page);
    let heap = 0;
    const poll = setInterval(async () => {
      // Playwright's types do not know the second field yet. A page that crashed reports that
      // elsewhere.
      const usage = (await devtools.send('Runtime.getHeapUsage').catch(() => undefined)) as
        | { usedSize: number; backingStorageSize: number }
        | undefined;
      if (usage !== undefined) heap = Math.max(heap, usage.usedSize + usage.backingStorageSize);
    }, HEAP_POLL_MS);
    const options: CountOptions = {
      dtype: values.dtype as CountOptions['dtype'],
      budget,
      blocks: values.blocks.split(',').map(Number) as [number, number, number],
      compute: values.compute,
      request: {
        prompt: 'a red house',
        size: parseSize(values.size),
        steps: Number(values.steps),
        n: Number(values.n),
        seed: 1,
        maxSequenceLength: Number(values.tokens),
      },
    };
    const started = performance.now();
    const { plan, counted, failure } = await page.evaluate((asked) => window.countMemory(asked), options);
    clearInterval(poll);
    for (const phase of PLAN_PHASES) {
      const planned = plan.phases[phase];
      const found = counted[phase];
      if (found === undefined) continue;
      const { peakBytes, peakWeightBytes, workBuffers } = found;
      const record = {
        size: values.size,
        budget,
        keep: plan.keep,
        phase,
        mode: planned.mode,
        planned: planned.bytes,
        counted: peakBytes,
        ratio: Number((planned.bytes / peakBytes).toFixed(3)),
        weights: { planned: planned.weights, counted: peakWeightBytes },
        work: { planned: planned.work, counted: peakBytes - peakWeightBytes },
        workBuffers,
      };
      process.stdout.write(`${JSON.stringify(record)}\n`);
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    process.stdout.write(`${JSON.stringify({ size: values.size, budget, peak: plan.peak, heap, seconds, failure })}\n`);
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
