import { describe, expect, it } from 'vitest';
import { openBackend } from './open-backend.ts';

describe('a device that is demanded', () => {
  it('is the CPU in float32, or in halves where they are asked for', async () => {
    for (const [precision, expected] of [
      ['auto', 'f32'],
      ['f16', 'f16'],
    ] as const) {
      const { backend, notes } = await openBackend({ device: 'cpu', precision, accuracyLevel: 0, budget: 1e9 });
      expect([backend.name, backend.info.precision, notes]).toEqual(['node', expected, []]);
      await backend.dispose();
    }
  });
});
