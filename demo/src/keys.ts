import type { Actions } from './actions.ts';

/** Ctrl+Enter draws, Esc cancels; among the models these keys mean something else. */
export function listenToKeys(actions: Actions): void {
  addEventListener('keydown', (event) => {
    if (event.target instanceof Element && event.target.closest('#models, dialog') !== null) return;
    // requestSubmit checks the fields first, as the button does.
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      const form = document.querySelector<HTMLFormElement>('#form');
      const button = document.querySelector<HTMLButtonElement>('#generate');
      if (button?.disabled === false) form?.requestSubmit();
    }
    if (event.key === 'Escape') actions.cancel();
  });
}
