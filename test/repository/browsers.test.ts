import { expect, it } from 'vitest';
import { BROWSERS, CASES, readFindings } from '../support/browser-cases.ts';

it('docs/browsers.md says of every browser what became of every test', () => {
  const findings = Object.entries(readFindings());
  expect(findings.map(([name]) => name).sort()).toEqual([...BROWSERS].sort());
  for (const [name, { version, cases }] of findings) {
    expect(version, name).toMatch(/^\d+\./);
    expect(Object.keys(cases).sort(), name).toEqual(Object.keys(CASES).sort());
  }
});
