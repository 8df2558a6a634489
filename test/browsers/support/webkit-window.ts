import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { findWebKit } from '../../../scripts/lib/browsers.mjs';
import { settled, unsettle } from '../../support/in-page.ts';
import { type DrivenBrowser, SCRIPT_MS } from './browser.ts';
import { openDisplay } from './display.ts';
import { stop } from './stop.ts';

/**
 * Opens an ordinary window of WebKitGTK's MiniBrowser, with a home of its own. No driver reaches
 * such a window, so its page asks this process for scripts and sends back what they give
 * (page.html).
 */
export async function openWebKitWindow({
  browser,
  xvfb,
}: NonNullable<ReturnType<typeof findWebKit>>): Promise<DrivenBrowser> {
  const home = await mkdtemp(join(tmpdir(), 'flux-srpo-webkit-'));
  const display = await openDisplay(xvfb);
  const folders = ['CACHE', 'CONFIG', 'DATA', 'STATE'].map((kind) => [`XDG_${kind}_HOME`, join(home, kind)]);
  const env = { ...process.env, ...Object.fromEntries(folders), HOME: home, DISPLAY: display.name };
  const page = await openChannel();
  let child: ChildProcess | undefined;
  const close = async () => {
    if (child !== undefined) await stop(child);
    await page.close();
    await display.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const { stdout } = await promisify(execFile)(browser, ['--version'], { env });
    return {
      version: /\d[\d.]*/.exec(stdout)![0],
      async goto(url) {
        const address = `${url}?channel=${encodeURIComponent(page.channel)}`;
        if (child === undefined) {
          child = spawn(browser, [address], { stdio: 'ignore', env });
          child.once('exit', () => page.end(new Error('MiniBrowser has ended')));
        } else {
          // The old page never answers, so the next question is the new one's.
          await page.hand(`(location.replace(${JSON.stringify(address)}), new Promise(() => {}))`);
        }
        await page.asks();
      },
      async run(body) {
        await page.hand(settled(body));
        return unsettle(await page.answer());
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A server that a page asks for scripts (GET), and tells what they give (POST). */
async function openChannel() {
  const events = new EventEmitter();
  const ended = new AbortController();
  const next = (event: string) =>
    once(events, event, { signal: AbortSignal.any([ended.signal, AbortSignal.timeout(SCRIPT_MS)]) });
  let asking: ServerResponse | undefined;
  const server = createServer(async (request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('cache-control', 'no-store');
    if (request.method === 'GET') {
      response.setHeader('content-type', 'text/javascript');
      asking = response;
      events.emit('asked');
    } else {
      const answer = await text(request);
      response.end();
      events.emit('answered', answer);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asks = async () => {
    if (asking === undefined) await next('asked');
  };
  return {
    channel: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    /** Waits until the page asks for a script. */
    asks,
    /** @param expression gives a string, or a promise of one */
    async hand(expression: string) {
      await asks();
      asking?.end(`export const given = ${expression};`);
      asking = undefined;
    },
    async answer(): Promise<string> {
      const [answer] = await next('answered');
      return answer;
    },
    /** Whoever waits for the page is told that nothing comes any more. */
    end: (reason: Error) => ended.abort(reason),
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
