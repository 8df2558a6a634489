/** A name for a message, cut at 80 characters: hostile files have long ones. */
export function showName(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
