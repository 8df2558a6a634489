const ROUTES: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/images\/generations\/?$/, '/v1/images/generations'],
  [/^\/v1\/models\/?$/, '/v1/models'],
  [/^\/v1\/models\/./, '/v1/models/:id'],
  [/^\/images\/./, '/images/:file'],
  [/^\/(?:health|ready|metrics)\/?$/, ''],
];

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'OPTIONS'];

/**
 * What a request asked for, in one of a few words: an address may hold what is nobody's business,
 * and a stranger could make as many names as they like. Of `/images/…` the address is the secret.
 *
 * @param url as the request line has it
 */
export function routeOf(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  const found = ROUTES.find(([pattern]) => pattern.test(path));
  return found === undefined ? 'other' : found[1] || path.replace(/\/$/, '');
}

/** The method where it is one that the server knows, else `other`. */
export function methodOf(method = ''): string {
  return METHODS.includes(method) ? method : 'other';
}
