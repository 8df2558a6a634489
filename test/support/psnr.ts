/** Peak signal-to-noise ratio of bytes, in dB; infinite when equal. */
export function psnr(reference: readonly Uint8Array[], pictures: readonly Uint8Array[]): number {
  let squares = 0;
  let count = 0;
  for (const [i, picture] of pictures.entries()) {
    const wanted = reference[i] as Uint8Array;
    for (const [j, value] of picture.entries()) squares += (value - (wanted[j] as number)) ** 2;
    count += picture.length;
  }
  return 10 * Math.log10(255 ** 2 / (squares / count));
}
