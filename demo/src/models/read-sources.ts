import type { BundleInfo, ImportFile, ImportFolder, ImportSources } from 'flux-srpo';
import { FOLDER_ROLES, nameOf, ROLES } from './chosen-list.ts';
import type { Chosen } from './sort-files.ts';
import type { Urls } from './url-fields.ts';

/** What the library is asked to import: files, URLs, or both. */
export function readSources(chosen: readonly Chosen[], urls: Urls): ImportSources {
  const given: [key: keyof ImportSources, value: ImportFile | ImportFolder, name: string][] = [];
  for (const entry of chosen) {
    if (entry.kind === 'file') given.push([entry.role, entry.file, nameOf(entry)]);
    else if (entry.kind === 'folder') given.push([entry.role, entry.files, nameOf(entry)]);
  }
  for (const [key, url] of Object.entries(urls.files)) given.push([key as keyof ImportSources, url, url]);
  if (urls.tokenizers !== undefined) given.push(['tokenizers', tokenizerUrls(urls.tokenizers), urls.tokenizers]);
  const sources = new Map<string, [ImportFile | ImportFolder, string]>();
  for (const [key, value, name] of given) {
    const other = sources.get(key)?.[1];
    if (other !== undefined) {
      const label = { ...ROLES, ...FOLDER_ROLES }[key];
      throw new Error(`${label} must be given once, got ${other} and ${name}; remove one, or change what it is.`);
    }
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
    throw new Error(`${entry.file.name} must be JSON; remove it or choose another.`, { cause });
  }
}
