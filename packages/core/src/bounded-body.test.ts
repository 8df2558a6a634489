import { describe, expect, it } from 'vitest';
import { boundedPieces, readBounded } from './bounded-body.ts';

const tooLarge = (maxBytes: number) => new RangeError(`at most ${maxBytes}`);

/**
 * A body that sends `pieces` and then, unless `ends`, goes on for ever; it notes what is taken from
 * it.
 */
function bodyOf(pieces: number[][], { ends = true, headers = {} as Record<string, string> } = {}) {
  const seen = { pulls: 0, isCancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[seen.pulls++];
        if (piece !== undefined) controller.enqueue(Uint8Array.from(piece));
        else if (ends) controller.close();
        else controller.enqueue(new Uint8Array(1));
      },
      cancel() {
        seen.isCancelled = true;
        // A peer that never answers the cancel.
        return new Promise<void>(() => undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return { response: new Response(stream, { headers }), seen };
}

describe('readBounded', () => {
  it('joins the pieces of a body that is just as long as it may be', async () => {
    const { response } = bodyOf([[1, 2], [], [3]]);
    expect([...(await readBounded(response, { maxBytes: 3, tooLarge }))]).toEqual([1, 2, 3]);
  });

  it('is empty without a body', async () => {
    expect(await readBounded(new Response(null), { maxBytes: 0, tooLarge })).toHaveLength(0);
  });

  it('takes no more than one piece beyond the limit from a body that never ends, and does not wait for its end', async () => {
    const { response, seen } = bodyOf([[1, 2], [3]], { ends: false });
    await expect(readBounded(response, { maxBytes: 4, tooLarge })).rejects.toThrow(new RangeError('at most 4'));
    expect(seen).toEqual({ pulls: 4, isCancelled: true });
  });

  it('reads nothing of a body that says it is too long', async () => {
    const { response, seen } = bodyOf([[1]], { headers: { 'content-length': '5' } });
    await expect(readBounded(response, { maxBytes: 4, tooLarge })).rejects.toThrow(RangeError);
    expect(seen).toEqual({ pulls: 0, isCancelled: true });
  });

  it('ends with what its guard rejects with, and closes the connection', async () => {
    const { response, seen } = bodyOf([[1]], { ends: false });
    const late = new Error('nothing came');
    const guard = () => Promise.reject(late);
    await expect(readBounded(response, { maxBytes: 4, tooLarge, guard })).rejects.toBe(late);
    expect(seen.isCancelled).toBe(true);
  });
});

describe('boundedPieces', () => {
  it('closes the connection when its reader has enough', async () => {
    const { response, seen } = bodyOf([[1], [2], [3]]);
    for await (const [first] of boundedPieces(response, { maxBytes: 9, tooLarge })) {
      if (first === 2) break;
    }
    expect(seen).toEqual({ pulls: 2, isCancelled: true });
  });
});
