import { element } from './elements.ts';

const dialog = element('ask-dialog', HTMLDialogElement);

/** Asks in a dialog whose first button leaves everything as it is. @returns whether to go on */
export async function ask(question: string, no: string, yes: string): Promise<boolean> {
  element('ask-question', HTMLParagraphElement).textContent = question;
  element('ask-no', HTMLButtonElement).textContent = no;
  element('ask-yes', HTMLButtonElement).textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'yes';
}
