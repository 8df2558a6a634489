import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BundleFolder } from './bundle.ts';
import { writeFiles } from './write-files.ts';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));

export interface RunningServer {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Everything it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Sends a signal; resolves with the exit code. */
  stop(signal?: 'SIGINT' | 'SIGTERM'): Promise<number | null>;
}

/**
 * `flux-srpo serve` as a user starts it, on a free port.
 *
 * @param model a bundle, or the path of one
 */
export async function startServer(
  model: BundleFolder | string,
  { options = [], env = {} }: { options?: readonly string[]; env?: Record<string, string> } = {},
): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-serve-'));
  if (typeof model !== 'string') await writeFiles(folder, model);
  const bundle = typeof model === 'string' ? model : folder;
  const child = spawn(process.execPath, [BIN, 'serve', '--model', bundle, '--port', '0', ...options], {
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve)).finally(() =>
    rm(folder, { recursive: true, force: true }),
  );
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (data) => {
      stdout += data;
      const address = / at (http:\S+)\/v1\n/.exec(stdout)?.[1];
      if (address !== undefined) resolve(address);
    });
    void exit.then((code) => reject(new Error(`the server ended with ${code}: ${stderr}`)));
  });
  return {
    url,
    stdout: () => stdout,
    stderr: () => stderr,
    stop(signal = 'SIGINT') {
      child.kill(signal);
      return exit;
    },
  };
}
