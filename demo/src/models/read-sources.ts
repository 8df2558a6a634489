import type { BundleInfo, ImportFile, ImportFolder, ImportSources } from 'flux-srpo';
import { words } from '../words.ts';
import type { OwnForm } from './models-state.ts';
import { type Chosen, nameOf } from './sort-files.ts';

/** What the library is asked to import: files, URLs, or both. */
export function readSources(chosen: readonly Chosen[], urls: OwnForm['urls']): ImportSources {
  const given: [key: keyof ImportSources, value: ImportFile | ImportFolder, name: string][] = [];
  for (const entry of chosen) {
    if (entry.kind === 'file') given.push([entry.role, entry.file, nameOf(entry)]);
    else if (entry.kind === 'folder') given.push([entry.role, entry.files, nameOf(entry)]);
  }
  for (const [key, text] of Object.entries(urls)) {
    const url = text.trim();
    if (key === 'tokenizers' && url !== '') given.push([key, tokenizerUrls(url), url]);
    else if (url !== '') given.push([key as keyof ImportSources, url, url]);
  }
  const sources = new Map<string, [ImportFile | ImportFolder, string]>();
  for (const [key, value, name] of given) {
    const other = sources.get(key)?.[1];
    if (other !== undefined) throw new Error(words.own.twice(words.own.roles[key], other, name));
    sources.set(key, [value, name]);
  }
  return Object.fromEntries([...sources].map(([key, [value]]) => [key, value]));
}

/** The tokenizer files of a FluxPipeline that are read. */
const TOKENIZER_FILES = [
  'tokenizer/vocab.json',
  'tokenizer/merges.txt',
  'tokenizer/tokenizer_config.json',
  'tokenizer_2/tokenizer.json',
  'tokenizer_2/tokenizer_config.json',
];

function tokenizerUrls(folder: string): Record<string, string> {
  const base = folder.endsWith('/') ? folder : `${folder}/`;
  return Object.fromEntries(TOKENIZER_FILES.map((path) => [path, base + path]));
}

/** The chosen JSON file with the model's name and licence. The library checks what is in it. */
export async function readInfo(chosen: readonly Chosen[]): Promise<Partial<BundleInfo> | undefined> {
  const entry = chosen.findLast(({ kind }) => kind === 'info');
  if (entry?.kind !== 'info') return undefined;
  try {
    return JSON.parse(await entry.file.text());
  } catch (cause) {
    throw new Error(words.own.notJson(entry.file.name), { cause });
  }
}
