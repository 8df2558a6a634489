/**
 * What a backend holds, counted as it is taken and given back, so that tests can demand that
 * everything is released. On WebGPU every buffer of our devices is counted, the runtime's own work
 * buffers included; elsewhere, the tensors.
 */

export type Holding = 'device' | 'session' | 'tensor' | 'buffer';

export interface LedgerSnapshot {
  readonly devices: number;
  readonly sessions: number;
  readonly tensors: number;
  /** GPU buffers; 0 on the CPU providers. */
  readonly buffers: number;
  /** Bytes held now. */
  readonly bytes: number;
  /** Of these, bytes that were uploaded (weights). */
  readonly weightBytes: number;
  readonly peakBytes: number;
  readonly peakWeightBytes: number;
}

export interface Ledger {
  /** Counts something as held. The returned function gives it back, once. */
  hold(kind: Holding, sizes?: { bytes?: number; weightBytes?: number }): () => void;
  snapshot(): LedgerSnapshot;
  /** Peaks start again from what is held now: call between phases to learn the peak of each. */
  resetPeaks(): void;
}

export function createLedger(): Ledger {
  const counts: Record<Holding, number> = { device: 0, session: 0, tensor: 0, buffer: 0 };
  let bytes = 0;
  let weightBytes = 0;
  let peakBytes = 0;
  let peakWeightBytes = 0;

  return {
    hold(kind, sizes = {}) {
      const held = { bytes: sizes.bytes ?? 0, weightBytes: sizes.weightBytes ?? 0 };
      counts[kind] += 1;
      bytes += held.bytes;
      weightBytes += held.weightBytes;
      peakBytes = Math.max(peakBytes, bytes);
      peakWeightBytes = Math.max(peakWeightBytes, weightBytes);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        counts[kind] -= 1;
        bytes -= held.bytes;
        weightBytes -= held.weightBytes;
      };
    },
    snapshot: () => ({
      devices: counts.device,
      sessions: counts.session,
      tensors: counts.tensor,
      buffers: counts.buffer,
      bytes,
      weightBytes,
      peakBytes,
      peakWeightBytes,
    }),
    resetPeaks() {
      peakBytes = bytes;
      peakWeightBytes = weightBytes;
    },
  };
}
