/** A URL for messages: without its query, which may hold a signature, and password. */
export function withoutSecrets(url: string | URL): string {
  return String(url)
    .split(/[?#]/)[0]!
    .replace(/\/\/[^/]*@/, '//');
}

/** The server's name, with its port; of a relative URL the URL itself. */
export function hostOf(url: string | URL): string {
  const shown = withoutSecrets(url);
  return URL.canParse(shown) ? new URL(shown).host : shown;
}

/** The last path segment of a URL. */
export function shortName(url: string | URL): string {
  return withoutSecrets(url).split('/').pop() || 'file';
}
