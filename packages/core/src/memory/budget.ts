/**
 * Bytes of device memory that are planned for where nobody set a bound: 4 GiB. It is a guess, so
 * nothing is refused for going beyond it.
 */
export const DEFAULT_MEMORY_BUDGET = 4 * 1024 ** 3;
