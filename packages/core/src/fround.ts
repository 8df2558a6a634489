/** The nearest float32: what each operation of the reference implementations rounds to. */
export const f = Math.fround;
