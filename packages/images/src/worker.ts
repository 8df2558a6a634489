import { expose } from 'comlink';
import { createHost } from './host.ts';

/** The module of the dedicated worker: all computing happens behind this line. */
expose(createHost((message, transfer) => self.postMessage(message, { transfer })));
