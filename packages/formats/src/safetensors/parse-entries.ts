import { FormatError } from '@flux-srpo/core';
import { type Dtype, isDtype } from '../numbers/dtype.ts';
import { showName } from '../show-name.ts';
import { offsetError } from './header-errors.ts';
import { HeaderScanner } from './header-scanner.ts';

/** A tensor as the header describes it. */
export interface Entry {
  name: string;
  dtype: Dtype;
  shape: number[];
  /** Bytes from the start of the data. */
  begin: number;
  end: number;
}

/**
 * The entries of a safetensors header, in its own order, and its texts by name.
 * @param bytes the header alone, without its length
 * @param file its name, for messages
 * @see https://github.com/huggingface/safetensors/blob/24b0b28/safetensors/src/tensor.rs `Metadata::validate`
 */
export function parseEntries(bytes: Uint8Array, file: string): { metadata: Map<string, string>; entries: Entry[] } {
  const scanner = new HeaderScanner(bytes, file);
  const entries: Entry[] = [];
  const metadata = new Map<string, string>();
  scanner.object((key) => {
    if (key !== '__metadata__') entries.push(readEntry(scanner, file, key));
    // The reference implementation reads null as none.
    else if (!scanner.word('null')) {
      scanner.object((field) => metadata.set(field, scanner.string('a metadata value')));
    }
  });
  scanner.end();
  return { metadata, entries };
}

function readEntry(scanner: HeaderScanner, file: string, name: string): Entry {
  let dtype: Dtype | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  scanner.object((field) => {
    if (field === 'dtype') dtype = readDtype(scanner, file, name);
    else if (field === 'shape') shape = scanner.integers();
    else if (field === 'data_offsets') offsets = scanner.integers();
    else throw scanner.error(`must not have field "${showName(field)}" in tensor "${showName(name)}"`);
  });
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    throw scanner.error(`must give dtype, shape and data_offsets of tensor "${showName(name)}"`);
  }
  const [begin, end] = offsets;
  if (offsets.length !== 2 || begin === undefined || end === undefined || end < begin) {
    throw offsetError(file, `tensor "${showName(name)}" must have offsets [begin, end], got [${offsets.slice(0, 4)}]`, {
      tensor: name,
    });
  }
  return { name, dtype, shape, begin, end };
}

function readDtype(scanner: HeaderScanner, file: string, tensor: string): Dtype {
  const dtype = scanner.string('a dtype');
  if (isDtype(dtype)) return dtype;
  throw new FormatError(
    `${file}: tensor "${showName(tensor)}" must have a dtype of safetensors, got "${showName(dtype)}"; use another file of this model`,
    {
      code: 'format/dtype-unsupported',
      details: { name: file, tensor, dtype: showName(dtype) },
    },
  );
}
