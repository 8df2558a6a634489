const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
const THREE_DIGITS = new Intl.NumberFormat('en', {
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
  useGrouping: false,
});

/** Decimal units, three digits: 142 MB. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log10(bytes) / 3), 0), UNITS.length - 1);
  return `${power === 0 ? bytes : THREE_DIGITS.format(bytes / 1000 ** power)} ${UNITS[power]}`;
}

/** Two digits or whole seconds, or minutes: 4.2 s, 75 s, 12 min. */
export function formatSeconds(value: number): string {
  return value < 90 ? `${value.toFixed(value < 10 ? 1 : 0)} s` : `${Math.round(value / 60)} min`;
}
