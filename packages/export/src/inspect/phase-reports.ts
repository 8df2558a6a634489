import type { Part } from '@flux-srpo/core';

/** Weights that are in memory together, if nothing is streamed. */
export type ReportedPhase = 'clip' | 't5' | 'modulation' | 'denoise' | 'decode';

export interface PhaseReport {
  bytes: number;
  loadedBytes: number;
  /** What streaming needs at least: one part at a time. */
  largestPartBytes: number;
}

/** Text encoders run in turn, so each is a phase. Unknown parts count as the denoiser's. */
export function reportedPhase(part: Part | undefined): ReportedPhase {
  if (part?.phase === 'text') return part.component === 'text_encoder' ? 'clip' : 't5';
  return part?.phase ?? 'denoise';
}

export function emptyPhases(): Record<ReportedPhase, PhaseReport> {
  const empty = () => ({ bytes: 0, loadedBytes: 0, largestPartBytes: 0 });
  return { clip: empty(), t5: empty(), modulation: empty(), denoise: empty(), decode: empty() };
}

export function addToPhase(phase: PhaseReport, bytes: number, loadedBytes: number): void {
  phase.bytes += bytes;
  phase.loadedBytes += loadedBytes;
  phase.largestPartBytes = Math.max(phase.largestPartBytes, loadedBytes);
}
