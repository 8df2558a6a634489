/** UTF-8 as text, piece by piece. @param notUtf8 the error for other bytes */
export async function* decodePieces(
  pieces: AsyncIterable<Uint8Array>,
  notUtf8: () => Error,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch {
      throw notUtf8();
    }
  };
  for await (const piece of pieces) yield decode(piece);
  yield decode();
}
