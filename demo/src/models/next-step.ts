import { isFluxError } from 'flux-srpo';
import { words } from '../words.ts';

/** What to do after an error of a model; empty where the error's message says it. */
export function nextStep(cause: unknown): string {
  if (!isFluxError(cause)) return '';
  const { code, details } = cause;
  const wantsToken = code === 'network/status' && (details.status === 401 || details.status === 403);
  if (wantsToken) return words.models.makeToken;
  return Object.entries(words.nextSteps).find(([start]) => code.startsWith(start))?.[1] ?? '';
}
