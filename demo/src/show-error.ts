import { isFluxError } from 'flux-srpo';
import { make } from './elements.ts';

/**
 * Shows an error's message and code, and a link to the licence that it asks for.
 *
 * @param nextStep what to do, where the message does not say it
 */
export function showError(place: HTMLElement, cause: unknown, nextStep = ''): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  const text = isFluxError(cause) ? `${message} (${cause.code})` : message;
  place.textContent = text;
  const next = make('span', { className: 'next' });
  const licence = isFluxError(cause) ? cause.details.licence : undefined;
  if (typeof licence === 'string' && /^https?:/.test(licence)) {
    const link = { href: licence, target: '_blank', rel: 'noreferrer', textContent: 'Read and accept the licence' };
    next.append(make('a', link), '. ');
  }
  next.append(nextStep);
  if (next.textContent !== '') place.append(next);
  place.hidden = false;
}
