import { readFile } from 'node:fs/promises';
import type { ReadFixture } from './fixture.ts';

const ROOT = new URL('../../fixtures/', import.meta.url);

export const readNodeFixture: ReadFixture = (path) => readFile(new URL(path, ROOT));
