/** Two digits or whole seconds, or minutes: 4.2 s, 75 s, 12 min. */
export function formatSeconds(value: number): string {
  return value < 90 ? `${value.toFixed(value < 10 ? 1 : 0)} s` : `${Math.round(value / 60)} min`;
}

/** "1 file", "3 files". */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
