import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { emptyApp, installFromRegistry } from './support/install.ts';
import { installRuntime, RUNTIMES } from './support/runtimes.ts';

/** Command line, server and library of the tarball in each runtime, with the embedded model. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = 'node_modules/flux-srpo/dist/cli/main.js';
const REQUEST = {
  model: 'flux-srpo-text-to-image',
  prompt: 'a red house on the left in a meadow, on a sunny day',
  num_inference_steps: 8,
  seed: 7,
};

/** Asks the server through the library, as a call and as an HTTP request; prints both pictures. */
const CLIENT = `
  import { createFluxSrpo } from 'flux-srpo';
  import { createLocalFetch } from 'flux-srpo/fetch';
  const [baseURL, request] = process.argv.slice(2);
  const body = { ...JSON.parse(request), response_format: 'b64_json' };
  const flux = createFluxSrpo({ backend: 'remote', remote: { baseURL } });
  const called = await flux.images.generate(body);
  const answer = await createLocalFetch(flux)('http://local/v1/images/generations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  console.log(JSON.stringify([called, await answer.json()].map(({ data }) => data[0].b64_json)));
`;

let app: string;
/** Oracle: the command line of this repository, in the Node that runs the test. */
let expected: string;
beforeAll(async () => {
  app = await emptyApp('runtimes');
  const dependencies = { 'onnxruntime-node': '1.30.0' };
  await writeFile(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  await installFromRegistry(app);
  await cp(join(ROOT, 'models/tiny/bundle'), join(app, 'tiny'), { recursive: true });
  await writeFile(join(app, 'client.js'), CLIENT);
  expected = await generate(process.execPath, [join(ROOT, 'packages/cli/bin/flux-srpo.js')]);
});

/** The picture that the command line writes, in base64. */
async function generate(runtime: string, args: readonly string[]): Promise<string> {
  const { prompt, num_inference_steps: steps, seed } = REQUEST;
  const options = ['--prompt', prompt, '--steps', String(steps), '--seed', String(seed), '--out', 'picture.png'];
  await promisify(execFile)(runtime, [...args, 'generate', '--model', 'tiny', ...options], { cwd: app });
  return (await readFile(join(app, 'picture.png'))).toString('base64');
}

describe.each(RUNTIMES)('$name $version', (runtime) => {
  let executable: string;
  beforeAll(async () => {
    executable = await installRuntime(runtime);
  });

  it('draws by the command line', async () => {
    expect(await generate(executable, [...runtime.args, MAIN])).toBe(expected);
  });

  it('serves, and asks the server through the library', async () => {
    const serve = [...runtime.args, MAIN, 'serve', '--model', 'tiny', '--port', '0'];
    const server = spawn(executable, serve, { cwd: app });
    const ended = once(server, 'exit');
    try {
      let output = '';
      for (const stream of [server.stdout, server.stderr]) {
        stream.on('data', (data) => {
          output += data;
        });
      }
      await expect.poll(() => output, { timeout: 60_000 }).toMatch(/ at http:\S+\/v1\n/);
      const baseURL = / at (http:\S+\/v1)\n/.exec(output)![1]!;
      const client = [...runtime.args, 'client.js', baseURL, JSON.stringify(REQUEST)];
      const { stdout } = await promisify(execFile)(executable, client, { cwd: app, maxBuffer: 2 ** 24 });
      expect(JSON.parse(stdout)).toEqual([expected, expected]);
    } finally {
      server.kill('SIGINT');
      await ended;
    }
    // It stopped as it was told to.
    expect(server.exitCode).toBe(0);
  });

  it('is a version that docs/bundlers.md names', async () => {
    const page = await readFile(join(ROOT, 'docs/bundlers.md'), 'utf8');
    expect(page).toMatch(new RegExp(`^\\| ${runtime.name} \\|.*\\b${runtime.version}\\b`, 'm'));
  });
});
