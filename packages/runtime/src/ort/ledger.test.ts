import { describe, expect, it } from 'vitest';
import { createLedger } from './ledger.ts';

describe('the ledger', () => {
  it('counts what is held, and its peaks outlive it', () => {
    const ledger = createLedger();
    const dropWeights = ledger.hold('tensor', { bytes: 100, weightBytes: 100 });
    const dropWork = ledger.hold('buffer', { bytes: 30 });
    ledger.hold('session');
    expect(ledger.snapshot()).toEqual({
      devices: 0,
      sessions: 1,
      tensors: 1,
      buffers: 1,
      bytes: 130,
      weightBytes: 100,
      peakBytes: 130,
      peakWeightBytes: 100,
    });
    dropWork();
    dropWeights();
    expect(ledger.snapshot()).toMatchObject({ tensors: 0, buffers: 0, bytes: 0, weightBytes: 0, peakBytes: 130 });
  });

  it('counts giving back twice once', () => {
    const ledger = createLedger();
    ledger.hold('tensor', { bytes: 5 });
    const drop = ledger.hold('tensor', { bytes: 7 });
    drop();
    drop();
    expect(ledger.snapshot()).toMatchObject({ tensors: 1, bytes: 5 });
  });

  it('starts peaks again from what is held', () => {
    const ledger = createLedger();
    ledger.hold('tensor', { bytes: 5, weightBytes: 5 });
    ledger.hold('tensor', { bytes: 50, weightBytes: 50 })();
    ledger.resetPeaks();
    expect(ledger.snapshot()).toMatchObject({ peakBytes: 5, peakWeightBytes: 5 });
  });
});
