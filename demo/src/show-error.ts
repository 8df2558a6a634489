import { isFluxError } from 'flux-srpo';

/**
 * An error in words and its code.
 *
 * @param nextStep what to do, where the message alone does not say so
 */
export function showError(place: HTMLElement, cause: unknown, nextStep = ''): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  const text = isFluxError(cause) ? `${message} (${cause.code})` : message;
  place.textContent = nextStep === '' ? text : `${text}. ${nextStep}`;
  place.hidden = false;
}
