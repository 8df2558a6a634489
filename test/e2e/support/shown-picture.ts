import type { Page } from 'playwright';

/**
 * The pixels of a picture, decoded by the page's browser: [H, W, 4].
 *
 * @param url the picture's; by default that of the picture which the page shows
 */
export async function shownPicture(
  page: Page,
  url?: string,
): Promise<{ width: number; height: number; rgba: Uint8Array }> {
  const { width, height, base64 } = await page.evaluate(async (given) => {
    const picture = given === undefined ? (document.getElementById('picture') as HTMLImageElement) : new Image();
    if (given !== undefined) picture.src = given;
    await picture.decode();
    const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight);
    const context = canvas.getContext('2d')!;
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let bytes = '';
    for (let at = 0; at < data.length; at += 0x8000) bytes += String.fromCharCode(...data.subarray(at, at + 0x8000));
    return { width: canvas.width, height: canvas.height, base64: btoa(bytes) };
  }, url);
  return { width, height, rgba: new Uint8Array(Buffer.from(base64, 'base64')) };
}
