import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Outcome {
  /** null where a signal ended the process. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Waits for a process; gives what it printed and how it ended. A stream that is not piped is empty.
 */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data) => {
    stdout += data;
  });
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}
