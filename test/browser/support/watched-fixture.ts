import { afterEach, beforeAll, beforeEach } from 'vitest';
import { commands } from 'vitest/browser';
import { watchWorkers } from './page.ts';

/** What `watchedFixture` gives, from the first hook on. */
export interface WatchedFixture {
  /** Path of the bundle on the test server. */
  url: string;
  /** Those that the page has started in this test. */
  workers: ReturnType<typeof watchWorkers>;
}

/** Serves a fixture's bundle to the tests of a file, and records the workers of each test. */
export function watchedFixture(): WatchedFixture {
  const fixture = {} as WatchedFixture;
  beforeAll(async () => {
    fixture.url = await commands.serveFixtureBundle('a-3x32');
  });
  beforeEach(() => {
    fixture.workers = watchWorkers();
  });
  afterEach(() => fixture.workers.restore());
  return fixture;
}
