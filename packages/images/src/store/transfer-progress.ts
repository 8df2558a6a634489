import type { Progress } from '@flux-srpo/core';

/** How far a fetch or a check is: bytes of `total`, what was here already, rate and time left. */
export type TransferProgress = Extract<Progress, { stage: 'load' }>;
