import { quantizeRows } from '../quantize/rows.ts';
import { serveJobs } from './serve-jobs.ts';

/** A thread of {@link threadQuantizer}. */
serveJobs(quantizeRows);
