import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Line, Tell } from './questions.ts';

/**
 * Starts a program and tells each line of JSON that it prints. Its progress goes to our stderr.
 *
 * @param seconds after which it is ended
 * @returns why there is no whole answer, or undefined
 */
export async function ask(
  command: string,
  args: readonly string[],
  seconds: number,
  tell: Tell,
): Promise<string | undefined> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, seconds * 1000);
  let last = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    process.stderr.write(`  ${line}\n`);
    if (line.trim() !== '') last = line.trim();
  });
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    if (line.startsWith('{')) tell(JSON.parse(line) as Line);
    else process.stderr.write(`  ${line}\n`);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}: ${last}`));
  });
  const problem = await ended;
  clearTimeout(timer);
  return isLate ? `no time: it was ended after ${Math.round(seconds)} s` : problem;
}
