import type { IncomingMessage, ServerResponse } from 'node:http';
import { methodOf, routeOf } from './route.ts';

/** A request and its answer, without anything that a person wrote. */
export interface Exchange {
  /** The answer's `x-request-id`. Absent where nobody answered. */
  id?: string;
  route: string;
  method: string;
  /** 499 where the client went away first. */
  status: number;
  /** From the request's headers to the end of the answer. */
  ms: number;
  /** Name of the key that was given. Absent where none was asked for or none fitted. */
  key?: string;
}

/** nginx's number for a client that went away. */
const CLIENT_CLOSED = 499;

const notes = new WeakMap<IncomingMessage, Pick<Exchange, 'id' | 'key'>>();

/** Adds what `observe` cannot see to a request's exchange. */
export function note(incoming: IncomingMessage, more: Pick<Exchange, 'id' | 'key'>): void {
  notes.set(incoming, { ...notes.get(incoming), ...more });
}

/** Calls `done` once, when the answer has ended or the client has gone. */
export function observe(incoming: IncomingMessage, outgoing: ServerResponse, done: (exchange: Exchange) => void): void {
  const start = performance.now();
  outgoing.once('close', () =>
    done({
      ...notes.get(incoming),
      route: routeOf(incoming.url ?? ''),
      method: methodOf(incoming.method),
      status: outgoing.writableFinished ? outgoing.statusCode : CLIENT_CLOSED,
      ms: Math.round(performance.now() - start),
    }),
  );
}
