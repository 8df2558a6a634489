import { readFileSync } from 'node:fs';

/** A count of inputs and the length of this one, each as a uint32. The input follows. */
export const INPUT_HEADER_BYTES = 8;

/** The input that a process of explorer.ts has begun last, and how many those were. */
export function lastInput(path: string): { count: number; bytes: Uint8Array } {
  const noted = new Uint8Array(readFileSync(path));
  if (noted.length < INPUT_HEADER_BYTES) return { count: 0, bytes: new Uint8Array() };
  const [count = 0, length = 0] = new Uint32Array(noted.buffer, 0, 2);
  return { count, bytes: noted.slice(INPUT_HEADER_BYTES, INPUT_HEADER_BYTES + length) };
}
