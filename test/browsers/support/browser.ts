/** No script of the tests takes longer. */
export const SCRIPT_MS = 5 * 60_000;

export interface BrowserOptions {
  /** Bytes that a site may keep. Default: the browser's own quota. */
  room?: number;
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

/** What `run` sends: an expression whose promise never rejects, so that every driver tells why. */
export function settled(body: string): string {
  return `(async () => { ${body} })().then(
    (value) => JSON.stringify({ value }),
    (error) => JSON.stringify({ error: String(error?.stack ? error + '\\n' + error.stack : error) }),
  )`;
}

/** @throws what the page threw */
export function unsettle(json: string): unknown {
  const { value, error } = JSON.parse(json) as { value?: unknown; error?: string };
  if (error !== undefined) throw new Error(`in the page: ${error}`);
  return value;
}
