import { quantizeRows } from '../quantize/row-quantizer.ts';
import { serveJobs } from './serve-jobs.ts';

/** A thread of {@link threadQuantizer}. */
serveJobs(quantizeRows);
