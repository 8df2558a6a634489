/** What addresses are relative to: the page, or the worker that this runs in. */
export function pageBase(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

/**
 * Stands in for the page on a server that renders it. So a client can be made there, and what is
 * wrong with an address in any page is still refused at once.
 */
export const ANY_PAGE = 'https://page.invalid/';
