import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * True when `Authorization` carries the key, as `Bearer <key>` or bare, since services of this
 * contract use both. Hashes of equal length are compared in constant time, so the timing of the
 * answer shows neither the key's length nor its first wrong character.
 */
export function isAuthorized(authorization: string | undefined, apiKey: string): boolean {
  const given = (authorization ?? '').replace(/^Bearer\s+/i, '').trim();
  return timingSafeEqual(sha256(given), sha256(apiKey));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
