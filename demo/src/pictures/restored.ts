import type { FormValues } from '../state.ts';
import { words } from '../words.ts';

/** What a PNG says of how it was made, as far as this page can do the same. */
export interface Restored {
  form: Partial<FormValues>;
  /** What it also says, and why that does not apply. */
  unused: string[];
}

/** Sides that the model can draw: multiples of 16. */
export function sizeOf(width: unknown, height: unknown): Partial<FormValues> {
  if (!Number(width) || !Number(height)) return {};
  const side = (value: unknown) => String(Math.max(16, Math.round(Number(value) / 16) * 16));
  return { size: 'custom', width: side(width), height: side(height) };
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Some names, as settings that are unused. A stranger's file may have thousands, of any length. */
export function someOf(names: Iterable<string>): string[] {
  return [...new Set(names)].slice(0, 12).map((name) => words.restored.unused(name.slice(0, 60)));
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : undefined;
}
