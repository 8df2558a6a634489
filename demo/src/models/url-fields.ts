import { element, make } from '../elements.ts';
import type { Role } from './sort-files.ts';

/** What the user entered; empty fields are absent. */
export interface Urls {
  files: Partial<Record<Role, string>>;
  /** URL of the folder that holds `tokenizer/` and `tokenizer_2/`. */
  tokenizers?: string;
}

const FIELDS: Readonly<Record<Role | 'tokenizers', string>> = {
  transformer: 'Transformer',
  t5: 'T5 encoder',
  clip: 'CLIP encoder',
  vae: 'VAE',
  checkpoint: 'A file that holds several of these',
  tokenizers: 'Folder with tokenizer/ and tokenizer_2/',
};

/** The inputs have no `name`, so that a form sent by mistake would not send them. */
const inputs = new Map(
  Object.entries(FIELDS).map(([key, label]) => {
    const id = `url-${key}`;
    const input = make('input', { id, type: 'url', inputMode: 'url', spellcheck: false, placeholder: 'https://' });
    element('url-fields', HTMLDivElement).append(
      make('div', {}, make('label', { htmlFor: id, textContent: label }), input),
    );
    return [key, input] as const;
  }),
);

export function readUrls(): Urls {
  const filled = [...inputs].flatMap(([key, { value }]) => (value.trim() === '' ? [] : [[key, value.trim()] as const]));
  const { tokenizers, ...files } = Object.fromEntries(filled) as Record<string, string>;
  return { files, ...(tokenizers === undefined ? {} : { tokenizers }) };
}
