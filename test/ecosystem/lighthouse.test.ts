import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium } from '../../scripts/lib/chromium.mjs';
import { buildPage } from '../support/build-page.ts';
import { type StaticServer, serveFolder } from '../support/serve-folder.ts';
import { emptyApp, install } from './support/install.ts';

/** Lighthouse on the built page, from a host that compresses as docs/deploy.md says. */

const LIGHTHOUSE = 'lighthouse@12.8.2';

interface Report {
  /** Of this machine's processor, higher is faster. */
  environment: { benchmarkIndex: number };
  categories: Record<string, { score: number; auditRefs: { id: string; weight: number }[] }>;
  audits: Record<string, { score: number | null; numericValue?: number; title: string; displayValue?: string }>;
}

let app: string;
let folder: string;
let server: StaticServer;
beforeAll(async () => {
  app = await emptyApp('lighthouse');
  await install(app, [LIGHTHOUSE]);
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-lighthouse-'));
  await buildPage(folder);
  server = await serveFolder(folder, { 'cache-control': 'max-age=3600' }, { gzip: /\.(html|js|css|svg|wasm)$|\/$/ });
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function audit(...how: string[]): Promise<Report> {
  const path = join(folder, 'report.json');
  const args = [
    join(app, 'node_modules/lighthouse/cli/index.js'),
    server.url,
    '--quiet',
    '--output=json',
    `--output-path=${path}`,
    '--chrome-flags=--headless=new --no-sandbox --disable-quic',
    '--only-categories=performance,accessibility,best-practices,seo',
    ...how,
  ];
  await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, CHROME_PATH: findChromium() },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Of 100. */
function scores({ categories }: Report): Record<string, number> {
  return Object.fromEntries(Object.entries(categories).map(([id, { score }]) => [id, Math.round(score * 100)]));
}

/** What costs points, to see what to mend. */
function costs({ categories, audits }: Report): string[] {
  return Object.values(categories).flatMap(({ auditRefs }) =>
    auditRefs
      .filter(({ id, weight }) => weight > 0 && (audits[id]?.score ?? 1) < 0.9)
      .map(({ id }) => `${id}: ${audits[id]?.title} ${audits[id]?.displayValue ?? ''}`),
  );
}

/** Share of this machine's processors that was taken meanwhile, 0 to 1. */
async function takenWhile(ms: number): Promise<number> {
  const spent = () => {
    const all = cpus().map(({ times }) => times);
    const idle = all.reduce((sum, times) => sum + times.idle, 0);
    return { idle, total: all.reduce((sum, times) => sum + Object.values(times).reduce((a, b) => a + b), 0) };
  };
  const before = spent();
  await sleep(ms);
  const after = spent();
  return 1 - (after.idle - before.idle) / (after.total - before.total);
}

/** Lighthouse's seconds are by the clock: other work on the machine is counted as the page's. */
async function isQuiet(): Promise<boolean> {
  return (await takenWhile(2000)) < 0.2;
}

/** Audits when the machine is quiet, or a minute later. `wasQuiet`: it was, before and after. */
async function auditQuietly(how: readonly string[]): Promise<{ report: Report; wasQuiet: boolean }> {
  let wasQuiet = await isQuiet();
  for (let tries = 0; tries < 30 && !wasQuiet; tries++) wasQuiet = await isQuiet();
  const report = await audit(...how);
  return { report, wasQuiet: wasQuiet && (await isQuiet()) };
}

const RUNS = 3;

describe('the built page in Lighthouse', () => {
  it.each([
    ['desktop', 95, ['--preset=desktop']],
    ['phone', 90, []],
  ])('on a %s', async (name, performance, how) => {
    const runs = [];
    for (let run = 0; run < RUNS; run++) runs.push(await auditQuietly(how));
    for (const { report, wasQuiet } of runs) {
      const value = (id: string) => report.audits[id]?.numericValue;
      console.log(name, scores(report), {
        wasQuiet,
        cpu: report.environment.benchmarkIndex,
        shift: value('cumulative-layout-shift'),
        blocking: value('total-blocking-time'),
        interactive: value('interactive'),
        costs: costs(report),
      });
      expect(scores(report)).toMatchObject({ accessibility: 100, 'best-practices': 100, seo: 100 });
      expect(value('cumulative-layout-shift')).toBeLessThan(0.02);
    }
    const found = runs.map(({ report }) => scores(report).performance!).sort((a, b) => a - b);
    if (runs.every(({ wasQuiet }) => wasQuiet)) expect(found[RUNS >> 1]).toBeGreaterThanOrEqual(performance);
  });
});
