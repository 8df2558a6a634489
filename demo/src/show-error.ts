import { isFluxError } from 'flux-srpo';

/**
 * Shows an error's message and code.
 *
 * @param nextStep what to do, where the message does not say it
 */
export function showError(place: HTMLElement, cause: unknown, nextStep = ''): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  const text = isFluxError(cause) ? `${message} (${cause.code})` : message;
  place.textContent = nextStep === '' ? text : `${text}. ${nextStep}`;
  place.hidden = false;
}
