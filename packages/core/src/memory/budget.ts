/** Bytes that are planned for where nobody set a bound. A guess, so nothing beyond is refused. */
export const DEFAULT_MEMORY_BUDGET = 4 * 1024 ** 3;
