import { describe, expect, it } from 'vitest';
import { KeyRing } from './key-ring.ts';

const WEB = { name: 'web', key: 'sk-web-0123456789abcdef', concurrent: 1, perMinute: 3 };
const JOB = { name: 'job', key: 'sk-job-0123456789abcdef' };

describe('KeyRing', () => {
  it.each([
    [`Bearer ${JOB.key}`, 'job'],
    [WEB.key, 'web'],
    ['Bearer sk-web-0123456789abcdeX', undefined],
    [undefined, undefined],
  ])('finds the key of %s', (authorization, name) => {
    expect(new KeyRing([WEB, JOB]).find(authorization)?.name).toBe(name);
  });

  it('counts what a key has running, and what it asked in a minute', () => {
    let now = 0;
    const use = new KeyRing([WEB], () => now).find(WEB.key)!;
    const refusal = () => {
      try {
        use.begin();
        return undefined;
      } catch (error) {
        const { code, details } = error as { code: string; details: object };
        return { code, ...details };
      }
    };
    const end = use.begin();
    expect(refusal()).toEqual({ code: 'network/rate-limited' });
    end();
    now = 1000;
    use.begin()();
    use.begin()();
    // The first of the three is out of the minute at 60 s.
    now = 20_000;
    expect(refusal()).toEqual({ code: 'network/rate-limited', retryAfterMs: 40_000 });
    now = 60_000;
    expect(refusal()).toBeUndefined();
  });
});
