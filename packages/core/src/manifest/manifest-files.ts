import { refusal } from '../strict/index.ts';
import { MAX_CLASSIFIER_BYTES } from './classifier-config.ts';
import type { Manifest, SAFETY_CHECKER_FILES } from './manifest.ts';

const MIB = 1024 * 1024;

/*
 * Files that are read whole, with the most bytes that each may have: so much memory is taken before
 * anything of them is checked.
 */

/** T5's tokenizer.json has 2.4 MB, its config 20 KB. */
const TOKENIZER_BYTES = { 'tokenizer.json': 8 * MIB, 'tokenizer_config.json': MIB };
const SAFETY_CHECKER_BYTES: Readonly<Record<(typeof SAFETY_CHECKER_FILES)[number], number>> = {
  'config.json': MIB,
  'preprocessor_config.json': MIB,
  'model.onnx': MAX_CLASSIFIER_BYTES,
};
/** FLUX.1's largest has 8 KB. */
const MAX_GRAPH_BYTES = 16 * MIB;

/** Refuses files, graphs, parts and folders that contradict each other. */
export function assertFiles({
  files,
  chunk_bytes,
  graphs,
  graphs_f16 = {},
  parts,
  tokenizers,
  safety_checker,
}: Manifest): void {
  /** Bytes by path. */
  const listed = new Map<string, number>();
  const assertSmall = (path: string, maxBytes: number): void => {
    const size = listed.get(path) ?? 0;
    if (size > maxBytes) throw refusal(`the size of ${path}`, `at most ${maxBytes} bytes`, size);
  };
  for (const [i, file] of files.entries()) {
    if (file.path === 'manifest.json') throw refusal(`files[${i}].path`, 'a file other than the manifest', file.path);
    if (listed.has(file.path)) throw refusal(`files[${i}].path`, 'listed once', file.path);
    listed.set(file.path, file.size);
    const chunks = Math.ceil(file.size / chunk_bytes);
    if (file.chunks.length !== chunks) {
      throw refusal(`files[${i}].chunks`, `${chunks} hashes for ${file.size} bytes`, file.chunks.length);
    }
  }
  for (const [graph, file] of Object.entries(graphs)) {
    if (!listed.has(file)) throw refusal(`graphs.${graph}`, 'one of files', file);
    assertSmall(file, MAX_GRAPH_BYTES);
  }
  for (const [graph, file] of Object.entries(graphs_f16)) {
    if (!Object.hasOwn(graphs, graph)) throw refusal(`graphs_f16.${graph}`, 'one of graphs', graph);
    if (!listed.has(file)) throw refusal(`graphs_f16.${graph}`, 'one of files', file);
    assertSmall(file, MAX_GRAPH_BYTES);
  }
  const names = new Set<string>();
  for (const [i, part] of parts.entries()) {
    if (names.has(part.name)) throw refusal(`parts[${i}].name`, 'used once', part.name);
    names.add(part.name);
    if (part.graph === undefined && part.weights === undefined)
      throw refusal(`parts[${i}]`, 'a graph, weights or both', part);
    if (part.graph !== undefined && !Object.hasOwn(graphs, part.graph))
      throw refusal(`parts[${i}].graph`, 'one of graphs', part.graph);
    if (part.weights !== undefined && !listed.has(part.weights))
      throw refusal(`parts[${i}].weights`, 'one of files', part.weights);
  }
  const assertFolder = (field: string, folder: string, needed: Readonly<Record<string, number>>): void => {
    for (const [file, maxBytes] of Object.entries(needed)) {
      const path = `${folder}/${file}`;
      if (!listed.has(path)) throw refusal(field, `a folder with ${file} in files`, folder);
      assertSmall(path, maxBytes);
    }
  };
  for (const [kind, { folder }] of Object.entries(tokenizers)) {
    assertFolder(`tokenizers.${kind}.folder`, folder, TOKENIZER_BYTES);
  }
  if (safety_checker) assertFolder('safety_checker.folder', safety_checker.folder, SAFETY_CHECKER_BYTES);
}
