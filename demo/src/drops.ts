import type { Actions } from './actions.ts';

/** A dropped PNG gives its settings. Among the models files mean something else. */
export function listenToDrops(actions: Actions): void {
  // The browser would open a dropped file in place of the page.
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => {
    event.preventDefault();
    const file = [...(event.dataTransfer?.files ?? [])].find(({ type }) => type === 'image/png');
    const isElsewhere = event.target instanceof Element && event.target.closest('#models') !== null;
    if (file !== undefined && !isElsewhere) actions.restore(file);
  });
}
