import { ACCELERATIONS } from 'flux-srpo/wire';
import type { FormValues } from './state.ts';

/** What a link may set. The prompt is in it only where the person asks for a link with it. */
const FIELDS = ['size', 'width', 'height', 'steps', 'guidance', 'n', 'acceleration', 'seed'] as const;

/** The settings as a part of an address that no server sees. */
export function toHash(form: FormValues, withPrompt: boolean): string {
  const hash = new URLSearchParams();
  for (const field of [...FIELDS, ...(withPrompt ? (['prompt'] as const) : [])]) {
    const value = form[field];
    if (value !== undefined && value !== '') hash.set(field, value);
  }
  return hash.toString();
}

/** Settings of a link, which nobody trusts: the form's limits hold, and unknown words go. */
export function fromHash(hash: string): Partial<FormValues> {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const form: Record<string, string> = {};
  for (const field of [...FIELDS, 'prompt'] as const) {
    const value = given.get(field);
    if (value !== null && isPlausible(field, value)) form[field] = value;
  }
  return form;
}

function isPlausible(field: string, value: string): boolean {
  if (field === 'prompt') return value.length <= 32_000;
  if (field === 'size') return /^(custom|[a-z]+(_[a-z0-9]+)*)$/.test(value);
  if (field === 'acceleration') return (ACCELERATIONS as readonly string[]).includes(value);
  return /^\d{1,16}(\.\d{1,6})?$/.test(value);
}
