import type { ReadFixture } from '../../support/fixture.ts';

/** Reads fixtures over the test server. */
export const readFixture: ReadFixture = async (path) => {
  const response = await fetch(`/test/fixtures/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};
