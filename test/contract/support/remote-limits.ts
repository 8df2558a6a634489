import type { RemoteOptions } from 'flux-srpo';

type Limits = Required<NonNullable<RemoteOptions['timeouts']>>;
export type Limit = keyof Limits;

/** What needs none of these limits ends by itself, on a busy machine too. */
export const PATIENT: Limits = { key: 60_000, headers: 60_000, stall: 60_000, total: 60_000 };

/** Short, so that what does not end costs little time. */
const SHORT: Limits = { key: 600, headers: 600, stall: 600, total: 2000 };

/** One limit that ends soon. A busy machine cannot reach another one first. */
export function limitedBy(limit?: Limit): Limits {
  return limit === undefined ? PATIENT : { ...PATIENT, [limit]: SHORT[limit] };
}
