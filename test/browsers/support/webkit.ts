import { type ChildProcess, spawn } from 'node:child_process';
import type { findWebKit } from '../../../scripts/lib/browsers.mjs';
import { freePort } from '../../support/free-port.ts';
import { settled, unsettle } from '../../support/in-page.ts';
import { type DrivenBrowser, SCRIPT_MS } from './browser.ts';
import { openDisplay } from './display.ts';
import { stop } from './stop.ts';

const START_MS = 60_000;

/**
 * Opens WebKitGTK's MiniBrowser, driven through WebDriver. Its window is a private one.
 *
 * @see https://www.w3.org/TR/webdriver2/
 */
export async function openWebKit({
  driver,
  browser,
  xvfb,
}: NonNullable<ReturnType<typeof findWebKit>>): Promise<DrivenBrowser> {
  const display = await openDisplay(xvfb);
  let child: ChildProcess | undefined;
  const end = async () => {
    if (child !== undefined) await stop(child);
    await display.close();
  };
  try {
    const port = await freePort();
    child = spawn(driver, [`--port=${port}`], { stdio: 'ignore', env: { ...process.env, DISPLAY: display.name } });
    const send = sender(`http://127.0.0.1:${port}`);
    const capabilities = { 'webkitgtk:browserOptions': { binary: browser, args: ['--automation'] } };
    const started = await untilUp(() => send('POST', '/session', { capabilities: { alwaysMatch: capabilities } }));
    const session = started as { sessionId: string; capabilities: { browserVersion: string } };
    const at = `/session/${session.sessionId}`;
    await send('POST', `${at}/timeouts`, { script: SCRIPT_MS });
    return {
      version: session.capabilities.browserVersion,
      goto: async (url) => void (await send('POST', `${at}/url`, { url })),
      async run(body) {
        const script = `const done = arguments[0]; ${settled(body)}.then(done);`;
        return unsettle((await send('POST', `${at}/execute/async`, { script, args: [] })) as string);
      },
      async close() {
        await send('DELETE', at).catch(() => undefined);
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Sends commands to the driver; rejects with what it says is wrong. */
function sender(base: string) {
  return async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(base + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { value } = (await response.json()) as { value: { error?: string; message?: string } | null };
    if (!response.ok) throw new Error(`${value?.error}: ${value?.message}`);
    return value;
  };
}

/** Tries until the driver listens. */
async function untilUp<T>(start: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + START_MS; ; ) {
    try {
      return await start();
    } catch (error) {
      // What the driver answers is final.
      if (!(error instanceof TypeError) || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
