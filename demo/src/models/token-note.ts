/** Who gets the token, for people. @param hub address of the hub, as it was entered */
export function tokenNote(hub: string): string {
  const host = URL.canParse(hub) ? new URL(hub).host : 'the hub';
  return `Sent to ${host} alone, in a header, and never to where it redirects. It is not stored: closing the page forgets it.`;
}
