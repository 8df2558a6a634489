import type { Preview } from 'flux-srpo';
import { element } from './elements.ts';

const canvas = element('preview', HTMLCanvasElement);
const picture = element('picture', HTMLImageElement);
const empty = element('empty', HTMLParagraphElement);
const download = element('download', HTMLAnchorElement);

export function showPreview({ width, height, rgba }: Preview): void {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
  reveal(canvas);
}

/**
 * @param url `blob:` URL of the picture
 * @returns the URL that was shown before and is no longer needed; empty for the first picture
 */
export async function showPicture(url: string, prompt: string, fileName: string): Promise<string> {
  const old = picture.src;
  picture.src = url;
  picture.alt = prompt;
  await picture.decode();
  download.href = url;
  download.download = fileName;
  reveal(picture);
  return old;
}

/** Shows the last finished picture again, if there is one. */
export function discardPreview(): void {
  reveal(picture.src === '' ? empty : picture);
}

export function clearPicture(): void {
  picture.removeAttribute('src');
  picture.alt = '';
  reveal(empty);
}

function reveal(shown: HTMLElement): void {
  for (const part of [canvas, picture, empty]) part.hidden = part !== shown;
  download.hidden = shown !== picture;
}
