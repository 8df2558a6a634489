import { FormatError } from '@flux-srpo/core';
import { serveJobs } from '../node/serve-jobs.ts';
import { quantizeRows } from '../quantize/row-quantizer.ts';
import { arrayOf } from '../tensors/numbers.ts';

/** A thread that refuses rows beginning with 1, and ends itself at rows beginning with 2. */
serveJobs((job) => {
  const [first] = arrayOf(job.rows);
  if (first === 1) {
    throw new FormatError('no ones', { code: 'format/value-invalid', details: { got: 1 } });
  }
  if (first === 2) process.exit(7);
  return quantizeRows(job);
});
