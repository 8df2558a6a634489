/** A count with its noun, for people: `1 tensor`, `2 tensors`. @param noun takes an "s" */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
