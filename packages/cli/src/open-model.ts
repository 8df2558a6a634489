import { virtualBundle } from '@flux-srpo/export';
import { type Bundle, openBundle } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';

/** The bundle in a folder; weights of `synth --virtual` are made as they are read. */
export async function openModel(folder: string): Promise<Bundle> {
  return openBundle(await virtualBundle(folderBundle(folder)));
}
