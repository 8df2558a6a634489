/**
 * What a driver of a browser sends for the body of an async function: an expression whose promise
 * never rejects, so that every driver tells why.
 */
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
