/** A URL for messages: without its query, which may hold a signature, and password. */
export function withoutSecrets(url: string | URL): string {
  return String(url)
    .split(/[?#]/)[0]!
    .replace(/\/\/[^/]*@/, '//');
}

/** The last path segment of a URL. */
export function shortName(url: string | URL): string {
  return withoutSecrets(url).split('/').pop() || 'file';
}
