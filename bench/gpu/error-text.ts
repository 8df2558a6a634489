/** An error's code, where it has one, and its first line. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const message = error.message.split('\n')[0] ?? '';
  return typeof code === 'string' ? `${code}: ${message}` : message;
}
