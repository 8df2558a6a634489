import { FormatError } from '@flux-srpo/core';
import { serveJobs } from '../node/serve-jobs.ts';
import { quantizeRows } from '../quantize/rows.ts';

/** A thread that refuses rows beginning with 1, and ends itself at rows beginning with 2. */
serveJobs((job) => {
  if (job.rows[0] === 1) {
    throw new FormatError('no ones', { code: 'format/value-invalid', details: { got: 1 } });
  }
  if (job.rows[0] === 2) process.exit(7);
  return quantizeRows(job);
});
