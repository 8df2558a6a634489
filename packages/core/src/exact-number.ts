/** Most digits of a whole number that a double keeps: 2^53 has 16. */
const MAX_DIGITS = 16;

/** From here on JavaScript prints exponents, which nobody takes for what was typed. */
const EXPONENTS_FROM = 1e21;

/**
 * Whether JavaScript reads the text of a decimal number as another whole number: 2^53 + 1,
 * 1.00000000000000001, 1e-400. What it prints as it was written (2^53) counts as kept.
 */
export function isRounded(text: string): boolean {
  const number = Number(text);
  if (!Number.isInteger(number) || Math.abs(number) >= EXPONENTS_FROM || String(number) === text) return false;
  const digits = text.replace(/e.*$/i, '').replace(/\D/g, '');
  const first = digits.search(/[1-9]/);
  if (first === -1 || number === 0) return first !== -1;
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return !Number.isSafeInteger(number) || end - first > MAX_DIGITS;
}
