const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A count of bytes for people, in decimal units and three figures: `142 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // From 999.5 on, three figures of a unit would read 1.00e+3.
  while (value >= (unit === 0 ? 1000 : 999.5) && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${UNITS[unit]}`;
}
