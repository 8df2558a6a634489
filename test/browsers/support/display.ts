import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stop } from './stop.ts';

/** Where windows open: the machine's own display, or a server that stands in for one. */
export interface Display {
  /** For `DISPLAY`. */
  name: string;
  close(): Promise<void>;
}

/** @param xvfb path of the server; needed where there is no display */
export async function openDisplay(xvfb: string | undefined): Promise<Display> {
  if (process.env.DISPLAY !== undefined) return { name: process.env.DISPLAY, async close() {} };
  const server = spawn(xvfb!, ['-displayfd', '1', '-screen', '0', '800x600x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [number] = (await once(server.stdout!, 'data')) as [Buffer];
  return { name: `:${String(number).trim()}`, close: () => stop(server) };
}
