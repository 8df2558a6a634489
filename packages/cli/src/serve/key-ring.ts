import { createHash, timingSafeEqual } from 'node:crypto';
import { NetworkError } from '@flux-srpo/core';

/** A key that opens the server, and how much may be asked with it. */
export interface Key {
  /** For the log and for people; not secret. */
  name: string;
  key: string;
  /** Requests that may run or wait at a time. @default as many as the server takes */
  concurrent?: number;
  /** Requests of any 60 seconds. @default any number */
  perMinute?: number;
}

const MINUTE_MS = 60_000;

/** The keys of a server, and what is being asked with each. */
export class KeyRing {
  readonly #keys: readonly { digest: Buffer; use: KeyUse }[];

  /** @param now milliseconds; for tests */
  constructor(keys: readonly Key[], now: () => number = Date.now) {
    this.#keys = keys.map((key) => ({ digest: sha256(key.key), use: new KeyUse(key, now) }));
  }

  /**
   * The key that `Authorization` carries, as `Bearer <key>` or bare, since services of this
   * contract use both. All are compared, as hashes of equal length and in constant time: the time
   * that it takes shows neither a key's length nor its first wrong character.
   */
  find(authorization: string | undefined): KeyUse | undefined {
    const given = sha256((authorization ?? '').replace(/^Bearer\s+/i, '').trim());
    return this.#keys.filter(({ digest }) => timingSafeEqual(digest, given))[0]?.use;
  }
}

/** What is asked with one key. */
export class KeyUse {
  readonly name: string;
  readonly #limits: Key;
  readonly #now: () => number;
  #running = 0;
  /** When the requests of the last minute came. */
  #times: number[] = [];

  constructor(key: Key, now: () => number) {
    this.name = key.name;
    this.#limits = key;
    this.#now = now;
  }

  /**
   * Counts a request for pictures in. @throws NetworkError where that is more than the key may
   *
   * @returns to be called once, when the request has ended
   */
  begin(): () => void {
    const { concurrent = Number.POSITIVE_INFINITY, perMinute = Number.POSITIVE_INFINITY } = this.#limits;
    const now = this.#now();
    this.#times = this.#times.filter((time) => time > now - MINUTE_MS);
    if (this.#running >= concurrent) {
      throw tooMany(`this key may have ${concurrent} requests at a time, and has them; ask again when one is done`);
    }
    if (this.#times.length >= perMinute) {
      const retryAfterMs = this.#times[0]! + MINUTE_MS - now;
      throw tooMany(`this key may ask ${perMinute} times a minute, and did; ask again later`, { retryAfterMs });
    }
    if (perMinute !== Number.POSITIVE_INFINITY) this.#times.push(now);
    this.#running++;
    return () => this.#running--;
  }
}

function tooMany(message: string, details = {}): NetworkError {
  return new NetworkError(message, { code: 'network/rate-limited', details });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
