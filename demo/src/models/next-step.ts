import { isFluxError } from 'flux-srpo';

const NEXT_STEPS: readonly [code: string, step: string][] = [
  ['storage/quota-exceeded', 'Delete a stored model, or choose fewer bits.'],
  ['storage/write-failed', 'Free some of the disk.'],
  [
    'network/unreachable',
    'Check the address and the connection. A server that does not let other sites read its files (CORS) cannot be used: download the file and choose it here.',
  ],
  ['format/', 'Choose another file, or download this one again.'],
  ['network/truncated', 'Go on when the connection is back.'],
  ['model/hash-mismatch', 'Start again, which reads the file again.'],
  ['device/worker-failed', 'Reload the page and import again, which continues after the finished parts.'],
];

/** What to do after an error of an import; empty where the error's message says it. */
export function nextStep(cause: unknown): string {
  if (!isFluxError(cause)) return '';
  const { code, details } = cause;
  const wantsToken = code === 'network/status' && (details.status === 401 || details.status === 403);
  if (wantsToken) return 'Then make a token with read access in your account there, and enter it above.';
  return NEXT_STEPS.find(([start]) => code.startsWith(start))?.[1] ?? '';
}
