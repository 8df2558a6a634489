import { readFile } from 'node:fs/promises';
import type { ReadFixture } from './fixture.ts';

const ROOT = new URL('../fixtures/', import.meta.url);

// A copy, because a Buffer's `slice` is a view of a shared pool.
export const readNodeFixture: ReadFixture = async (path) => new Uint8Array(await readFile(new URL(path, ROOT)));
