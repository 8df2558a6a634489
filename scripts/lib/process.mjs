import { spawn, spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Runs a tool's JavaScript. No shell is involved, so it works the same everywhere.
 *
 * @param {string} script relative to the root
 * @param {string[]} args
 * @param {{ command?: string, env?: NodeJS.ProcessEnv, output?: 'inherit' | number }} [how]
 *   default: this Node, this environment, output to the terminal. A number is an open file.
 * @returns {Promise<number>} exit code
 */
export function runNode(script, args, { command = process.execPath, env = process.env, output = 'inherit' } = {}) {
  const child = spawn(command, [script, ...args], { cwd: ROOT, env, stdio: ['inherit', output, output] });
  running.add(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      running.delete(child);
      resolve(code ?? 1);
    });
  });
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

// A terminal sends Ctrl+C to every process; a process manager's SIGTERM reaches only this one.
process.once('SIGTERM', () => {
  for (const child of running) child.kill('SIGTERM');
  process.exit(143);
});

/**
 * Runs a command that is on the PATH and waits.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, timeoutMs?: number, quiet?: boolean }} [options]
 * @returns {boolean} whether it ran and ended with 0
 */
export function succeeds(command, args, { env, timeoutMs, quiet } = {}) {
  // npx is a .cmd file on Windows, which only a shell can start. The arguments here are constants
  // of ours.
  const shell = process.platform === 'win32' && command === 'npx';
  const { status } = spawnSync(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: quiet ? 'ignore' : 'inherit',
    shell,
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  return status === 0;
}
