import { readFileSync } from 'node:fs';
import { parseManifest, planPicture } from '@flux-srpo/core';
import { expect, it } from 'vitest';
import type { Findings } from './probe-report.ts';
import { probeSummary } from './probe-summary.ts';

// Oracle: the embedded model's manifest and its plan, whose bytes are counted against the device
// elsewhere (test/parity).
const manifest = parseManifest(
  readFileSync(new URL('../../../../models/tiny/bundle/manifest.json', import.meta.url), 'utf8'),
);
const size = { width: 96, height: 96 };
const report: Findings = {
  verdict: 'slow',
  backend: 'wasm',
  reasons: [{ code: 'device/no-webgpu', message: 'no adapter' }],
  isCrossOriginIsolated: false,
  model: { model: manifest.model, name: 'Tiny', licence: manifest.licence },
  download: 5_125_000,
  storage: { quota: 120_000_000_000, usage: 250_000 },
  memory: { size, basis: 'default', ...planPicture(manifest, size, {}) },
};

it('says the verdict, why, what is fetched, and the bytes of each phase', () => {
  const lines = probeSummary(report).split('\n');
  expect(lines.slice(0, 3)).toEqual([
    'Tiny: slow on wasm',
    '  device/no-webgpu: no adapter',
    'download 5.13 MB; this site may store 120 GB more',
  ]);
  expect(lines[3]).toMatch(/^a picture of 96x96 takes [\d.]+ MB on the device at most; weights stay between pictures$/);
  expect(lines.slice(4).map((line) => line.trim().split(/\s+/)[0])).toEqual([
    'text',
    'modulation',
    'denoise',
    'decode',
  ]);
  for (const line of lines.slice(4)) {
    expect(line).toMatch(/^ {2}\w+ +[\d.]+ [KM]?B: weights [\d.]+ [KM]?B \(resident\), work [\d.]+ [KM]?B$/);
  }
});

it('says how a small budget is kept, and what does not fit even so', () => {
  const large = { width: 1024, height: 1024 };
  const means = { memoryBudget: 50_000_000 };
  const text = probeSummary({
    ...report,
    memory: { size: large, basis: 'budget', ...planPicture(manifest, large, means) },
  });
  expect(text).toMatch(/\n {2}decoded in tiles of 256x256\n {2}each step reads [\d.]+ MB of weights again\n/);
  expect(text).toMatch(
    /\n {2}refused: denoise of 1024x1024 needs \d+ bytes .* the budget is 50000000; \d+x\d+ would fit/,
  );
});

it('has one line where there is nothing to say', () => {
  expect(probeSummary({ verdict: 'unsupported', reasons: [], isCrossOriginIsolated: true })).toBe('unsupported');
});
