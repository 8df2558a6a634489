/** No script of the tests takes longer. */
export const SCRIPT_MS = 5 * 60_000;

export interface BrowserOptions {
  /** Bytes that a site may keep. Default: the browser's own quota. */
  room?: number;
  /** Whether the window is a private one. */
  isPrivate?: boolean;
}

/** A browser with one page open, whichever way it is driven. */
export interface DrivenBrowser {
  /** As it names itself: `153.8.0`. */
  version: string;
  /** Opens the address in the page, and waits until it has loaded. */
  goto(url: string): Promise<void>;
  /** Runs the body of an async function in the page. @returns what it returns, through JSON */
  run(body: string): Promise<unknown>;
  close(): Promise<void>;
}
