import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { settled, unsettle } from '../../support/in-page.ts';
import type { BrowserOptions, DrivenBrowser } from './browser.ts';
import { stop } from './stop.ts';

/** WebGPU, and nothing that a fresh profile would fetch, ask or restore. */
const PREFS = {
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  // Linux releases have it switched off, and refuse software adapters.
  'dom.webgpu.enabled': true,
  'dom.webgpu.workers.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
};

/**
 * Opens Firefox with a profile of its own, driven through WebDriver BiDi.
 *
 * @see https://www.w3.org/TR/2025/WD-webdriver-bidi-20250911/
 */
export async function openFirefox(
  path: string,
  { room, isPrivate = false }: BrowserOptions = {},
): Promise<DrivenBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'flux-srpo-firefox-'));
  const quota = room === undefined ? {} : { 'dom.quotaManager.temporaryStorage.fixedLimit': Math.floor(room / 1024) };
  // Every window is a private one then.
  const privacy = { 'browser.privatebrowsing.autostart': isPrivate };
  const lines = Object.entries({ ...PREFS, ...quota, ...privacy }).map(
    ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
  );
  await writeFile(join(profile, 'user.js'), lines.join('\n'));
  const child = spawn(path, ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', profile], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const clear = async () => {
    await stop(child);
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const session = await connect(`${await addressOf(child)}/session`);
    const { capabilities } = (await session.send('session.new', { capabilities: {} })) as {
      capabilities: { browserVersion: string };
    };
    const { contexts } = (await session.send('browsingContext.getTree', {})) as { contexts: { context: string }[] };
    const context = contexts[0]!.context;
    return {
      version: capabilities.browserVersion,
      goto: async (url) => void (await session.send('browsingContext.navigate', { context, url, wait: 'complete' })),
      async run(body) {
        const parameters = { expression: settled(body), awaitPromise: true, target: { context } };
        const { result } = (await session.send('script.evaluate', parameters)) as { result: { value: string } };
        return unsettle(result.value);
      },
      async close() {
        await session.send('browser.close', {}).catch(() => undefined);
        await clear();
      },
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** The address that Firefox prints once it listens. */
async function addressOf(child: ChildProcess): Promise<string> {
  let said = '';
  for await (const chunk of child.stderr!) {
    said += chunk;
    const address = /WebDriver BiDi listening on (ws:\S+)/.exec(said)?.[1];
    if (address === undefined) continue;
    child.stderr!.resume();
    return address;
  }
  throw new Error(`Firefox did not start: ${said}`);
}

/** Commands and answers over one WebSocket. */
async function connect(url: string): Promise<{ send(method: string, params: object): Promise<unknown> }> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  socket.on('message', (data) => {
    const { id, result, error, message } = JSON.parse(String(data));
    if (error === undefined) waiting.get(id)?.resolve(result);
    else waiting.get(id)?.reject(new Error(`${error}: ${message}`));
  });
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('Firefox has ended'));
  });
  let last = 0;
  return {
    send: (method, params) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, { resolve, reject });
        socket.send(JSON.stringify({ id, method, params }));
      }),
  };
}
