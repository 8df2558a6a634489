import { refusal } from '../strict/index.ts';
import { type Manifest, SAFETY_CHECKER_FILES } from './manifest.ts';

/** What a tokenizer is read from. */
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'];

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
  const listed = new Set<string>();
  for (const [i, file] of files.entries()) {
    if (file.path === 'manifest.json') throw refusal(`files[${i}].path`, 'a file other than the manifest', file.path);
    if (listed.has(file.path)) throw refusal(`files[${i}].path`, 'listed once', file.path);
    listed.add(file.path);
    const chunks = Math.ceil(file.size / chunk_bytes);
    if (file.chunks.length !== chunks) {
      throw refusal(`files[${i}].chunks`, `${chunks} hashes for ${file.size} bytes`, file.chunks.length);
    }
  }
  for (const [graph, file] of Object.entries(graphs)) {
    if (!listed.has(file)) throw refusal(`graphs.${graph}`, 'one of files', file);
  }
  for (const [graph, file] of Object.entries(graphs_f16)) {
    if (!Object.hasOwn(graphs, graph)) throw refusal(`graphs_f16.${graph}`, 'one of graphs', graph);
    if (!listed.has(file)) throw refusal(`graphs_f16.${graph}`, 'one of files', file);
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
  const assertFolder = (field: string, folder: string, needed: readonly string[]): void => {
    for (const file of needed) {
      if (!listed.has(`${folder}/${file}`)) throw refusal(field, `a folder with ${file} in files`, folder);
    }
  };
  for (const [kind, { folder }] of Object.entries(tokenizers)) {
    assertFolder(`tokenizers.${kind}.folder`, folder, TOKENIZER_FILES);
  }
  if (safety_checker) assertFolder('safety_checker.folder', safety_checker.folder, SAFETY_CHECKER_FILES);
}
