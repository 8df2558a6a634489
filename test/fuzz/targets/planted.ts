import { type FuzzTarget, textBytes } from './target.ts';

/** Readers that do what none may, to see that it is found. */
export const PLANTED: Readonly<Record<string, FuzzTarget>> = {
  hang: {
    seeds: [textBytes('for ever')],
    run: async () => {
      for (;;);
    },
  },
  memory: {
    seeds: [textBytes('without end')],
    run: async (bytes) => {
      for (const all: unknown[][] = []; ; ) all.push(new Array(1e5).fill(bytes));
    },
  },
  wrong: {
    seeds: [textBytes('not read')],
    run: async () => false,
  },
};
