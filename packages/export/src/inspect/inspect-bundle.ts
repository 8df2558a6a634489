import { type BundlePart, MAX_MANIFEST_BYTES, type Manifest, parseManifest, type TensorClass } from '@flux-srpo/core';
import { readSafetensors, sha256Hex, type TensorInfo } from '@flux-srpo/formats';
import { isScales, planParts } from '../graphs/index.ts';
import { readSmallFile, requireFile, type SourceFolder } from '../sources/source-folder.ts';
import { addToClasses, type ClassReport } from './class-reports.ts';
import { elementCount } from './inspect-tensor-file.ts';
import { addToPhase, emptyPhases, type PhaseReport, type ReportedPhase, reportedPhase } from './phase-reports.ts';
import { type FileVerdict, verifyFile } from './verify-file.ts';

/** What is in a bundle, as plain data. */
export interface BundleReport {
  /** SHA-256 of `manifest.json`. */
  identity: string;
  manifest: Manifest;
  /** All files, the manifest included. */
  bytes: number;
  parts: PartReport[];
  /** By the recipe's tensor classes, without baked parts. */
  classes: Partial<Record<TensorClass, ClassReport>>;
  phases: Record<ReportedPhase, PhaseReport>;
  /** By path. Present when `verify` was asked for. */
  files?: Record<string, FileVerdict>;
}

export interface PartReport {
  name: string;
  graph?: string;
  /** Parameters of the model in this part. */
  weights: number;
  /** On disk: bytes of the weights file, or of the graph that has the weights inside. */
  bytes: number;
  /** On the device, where halves become float32. 0 for tables: only some of their rows are read. */
  loadedBytes: number;
}

export interface InspectOptions {
  /** Reads every byte and compares hashes. @default false */
  verify?: boolean;
  signal?: AbortSignal;
}

/** Reads the manifest and the headers of all weights files. */
export async function inspectBundle(source: SourceFolder, options: InspectOptions = {}): Promise<BundleReport> {
  requireFile(await source.list(), 'manifest.json', 'this is not a bundle, or an unfinished one');
  const json = await readSmallFile(source, 'manifest.json', MAX_MANIFEST_BYTES);
  const manifest = parseManifest(new TextDecoder().decode(json));
  const plan = new Map(planParts(manifest.config).map((part) => [part.name, part]));
  const sizes = new Map(manifest.files.map((file) => [file.path, file.size]));

  const parts: PartReport[] = [];
  const classes: BundleReport['classes'] = {};
  const phases = emptyPhases();
  for (const part of manifest.parts) {
    const planned = plan.get(part.name);
    const tensors = part.weights === undefined ? undefined : await readTensors(source, part.weights);
    const weights = planned?.slots.reduce((sum, slot) => sum + elementCount(slot.shape), 0) ?? 0;
    const bytes = tensors === undefined ? bakedBytes(part, manifest, sizes) : sumBytes(tensors);
    const loadedBytes = part.graph === undefined ? 0 : tensors === undefined ? bytes : sumLoaded(tensors);
    parts.push({ name: part.name, ...(part.graph && { graph: part.graph }), weights, bytes, loadedBytes });
    addToPhase(phases[reportedPhase(planned)], bytes, loadedBytes);
    if (planned && tensors) addToClasses(classes, planned, tensors);
  }
  for (const report of Object.values(classes)) report.bitsPerWeight = (8 * report.bytes) / report.weights;

  const bytes = manifest.files.reduce((sum, file) => sum + file.size, json.length);
  const report = { identity: await sha256Hex(json), manifest, bytes, parts, classes, phases };
  if (!options.verify) return report;
  const files: Record<string, FileVerdict> = {};
  for (const file of manifest.files) {
    files[file.path] = await verifyFile(source, file, manifest.chunk_bytes, options.signal);
  }
  return { ...report, files };
}

async function readTensors(source: SourceFolder, path: string): Promise<ReadonlyMap<string, TensorInfo>> {
  const file = await source.open(path);
  try {
    return (await readSafetensors(file)).tensors;
  } finally {
    await file.close?.();
  }
}

/** A baked part is its graph. Other graphs take a few KB and are shared, so they count as 0. */
function bakedBytes(part: BundlePart, manifest: Manifest, sizes: ReadonlyMap<string, number>): number {
  if (part.graph !== part.name) return 0;
  return sizes.get(manifest.graphs[part.graph] ?? '') ?? 0;
}

function sumBytes(tensors: ReadonlyMap<string, TensorInfo>): number {
  return [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
}

function sumLoaded(tensors: ReadonlyMap<string, TensorInfo>): number {
  // Scales are floats on the device, even those that are bytes on disk.
  return [...tensors].reduce(
    (sum, [name, { dtype, shape }]) => sum + elementCount(shape) * (dtype === 'U8' && !isScales(name) ? 1 : 4),
    0,
  );
}
