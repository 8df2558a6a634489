import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type CDPSession, chromium, type Page } from 'playwright';
import { chromiumOptions } from '../../../scripts/lib/chromium.mjs';
import { settled, unsettle } from '../../support/in-page.ts';

/** Everything that ends the work of a page without asking it. */
export const KILLS = ['page close', 'renderer crash', 'worker terminate', 'browser SIGKILL'] as const;
export type Kill = (typeof KILLS)[number];

/** What a browser does in a second, a busy machine does in this time. */
const PATIENCE_MS = 5 * 60_000;

/** What the page says of its work. */
export interface Told {
  /** Of the work that is done; 2 when it has ended. */
  share: number;
  /** Of the picture that is drawn. */
  step: number;
  stage: string;
}

/** A Chromium with a profile on disk, one page of which is open. It is killed and opened again. */
export class KilledBrowser {
  readonly #profile: string;
  readonly #url: string;
  readonly #script: string;
  readonly #onTell: (told: Told) => void;
  #context!: BrowserContext;
  #page!: Page;

  private constructor(profile: string, url: string, script: string, onTell: (told: Told) => void) {
    this.#profile = profile;
    this.#url = url;
    this.#script = script;
    this.#onTell = onTell;
  }

  /**
   * @param script that each page runs first
   * @param onTell hears what pages say through `tell`
   */
  static async open(url: string, script: string, onTell: (told: Told) => void): Promise<KilledBrowser> {
    const browser = new KilledBrowser(await mkdtemp(join(tmpdir(), 'flux-srpo-killed-')), url, script, onTell);
    await browser.#launch();
    await browser.#openPage();
    return browser;
  }

  /** Runs the body of an async function in the page. @returns what it returns */
  async run<T>(body: string): Promise<T> {
    return unsettle(await this.#page.evaluate<string>(settled(body))) as T;
  }

  /** Ends what runs, and gives a page that works. */
  async kill(how: Kill): Promise<void> {
    if (how === 'worker terminate') return this.run('killWorkers()');
    if (how === 'page close') await this.#page.close();
    if (how === 'renderer crash') await this.#crash();
    if (how === 'browser SIGKILL') await this.#killBrowser();
    await this.#openPage();
  }

  /** A session of the DevTools protocol with the page. */
  session(): Promise<CDPSession> {
    return this.#context.newCDPSession(this.#page);
  }

  /** Ends the process that has the GPU. */
  async crashGpu(): Promise<void> {
    const session = await this.#context.browser()!.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess');
  }

  async setOffline(isOffline: boolean): Promise<void> {
    await this.#context.setOffline(isOffline);
  }

  async close(): Promise<void> {
    await this.#context.close();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #launch(): Promise<void> {
    this.#context = await chromium.launchPersistentContext(this.#profile, chromiumOptions());
    this.#context.setDefaultTimeout(PATIENCE_MS);
    await this.#context.exposeFunction('tell', this.#onTell);
    await this.#context.addInitScript(this.#script);
  }

  async #openPage(): Promise<void> {
    this.#page = await this.#context.newPage();
    await this.#page.goto(this.#url);
    await this.run('await ready');
  }

  async #crash(): Promise<void> {
    const page = this.#page;
    const crashed = page.waitForEvent('crash');
    const session = await this.#context.newCDPSession(page);
    // Nobody is left to answer it.
    session.send('Page.crash').catch(() => undefined);
    await crashed;
    await page.close();
  }

  async #killBrowser(): Promise<void> {
    const session = await this.#context.browser()!.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const gone = this.#context.waitForEvent('close');
    process.kill(processInfo.find(({ type }) => type === 'browser')!.id, 'SIGKILL');
    await gone;
    await this.#launch();
  }
}
