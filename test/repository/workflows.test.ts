import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../.github/workflows', import.meta.url));

// A tag can be moved to other code, a commit cannot. Permissions are listed, so that none is had by
// default.
it.each(readdirSync(FOLDER))('%s runs only actions of known commits, with listed permissions', (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  const actions = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
  expect(actions.length).toBeGreaterThan(0);
  for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  expect(text).toMatch(/^permissions: \{\}$/m);
});
