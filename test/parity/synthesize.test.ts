import { sha256Hex } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { PIPELINES, readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeTensors } from '../support/synthesize.ts';

describe.each(PIPELINES)('weights of %s', (name) => {
  it('are the bits that torch made from the same names', async () => {
    // torch.randn with generators on the CPU (test/reference/synthesize.py). pipeline.json has the
    // SHA-256.
    const { components } = await readPipelineFixture(readNodeFixture, name);
    for (const [component, description] of Object.entries(components)) {
      const values = [...synthesizeTensors(component, description).values()].map(({ data }) => data);
      const bytes = Buffer.concat(values.map((data) => new Uint8Array(data.buffer)));
      expect(await sha256Hex(bytes), component).toBe(description.sha256);
    }
  });
});
