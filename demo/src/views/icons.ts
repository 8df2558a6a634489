import { html } from 'lit-html';

/** Drawn with the colour of the text around them. */

export const DICE = html`<svg viewBox="0 0 16 16" aria-hidden="true"><rect x="1.5" y="1.5" width="13" height="13" rx="3" /><circle cx="5" cy="5" r="1" /><circle cx="11" cy="5" r="1" /><circle cx="8" cy="8" r="1" /><circle cx="5" cy="11" r="1" /><circle cx="11" cy="11" r="1" /></svg>`;
export const LOCKED = html`<svg viewBox="0 0 16 16" aria-hidden="true"><rect x="2.5" y="7" width="11" height="7.5" rx="2" /><path d="M5 7V5a3 3 0 0 1 6 0v2" /></svg>`;
export const OPEN = html`<svg viewBox="0 0 16 16" aria-hidden="true"><rect x="2.5" y="7" width="11" height="7.5" rx="2" /><path d="M5 7V4.5a3 3 0 0 1 5.8-1" /></svg>`;
