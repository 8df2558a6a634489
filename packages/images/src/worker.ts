import { startWorker } from './worker/start-worker.ts';

/** The module of the dedicated worker: all computing happens behind this line. */
startWorker();
