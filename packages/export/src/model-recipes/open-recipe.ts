import { type FluxError, isFluxError, NetworkError } from '@flux-srpo/core';
import { bytesSource } from '@flux-srpo/formats';
import type { ConvertNotice } from '../convert/convert-options.ts';
import type { Component } from '../key-maps/namings.ts';
import type { LoraSource } from '../lora/open-loras.ts';
import { combineSources, type SourceFile } from '../sources/combine-sources.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import type { FoundRecipe } from './find-recipe.ts';

/** Where a recipe's weights come from. */
export interface OpenedRecipe {
  readonly source: SourceFolder;
  readonly loras: readonly LoraSource[];
}

export interface OpenRecipeOptions {
  /** Files of the user's own in place of the recipe's. */
  files?: Readonly<Partial<Record<Component, SourceFile>>>;
  /** A folder in place of the recipe's tokenizers. */
  tokenizers?: SourceFolder | undefined;
  onNotice?: ((notice: ConvertNotice) => void) | undefined;
}

const NETWORKS = { transformer: 'transformer', t5: 'text_encoder_2', clip: 'text_encoder', vae: 'vae' } as const;
const SCHEDULER = 'scheduler/scheduler_config.json';

/** One line of a recipe, with what it stands for. */
interface Alternative<T> {
  /** `sources.t5[1]` */
  readonly line: string;
  readonly files: readonly (readonly [source: string, file: SourceFile])[];
  readonly value: T;
}

/**
 * Finds for each network the first alternative that can be opened. Asks each file for its size, and
 * reads nothing.
 */
export async function openRecipe(
  { recipe, document, sourceFile }: FoundRecipe,
  { files = {}, tokenizers, onNotice }: OpenRecipeOptions = {},
): Promise<OpenedRecipe> {
  const choose = <T>(alternatives: readonly Alternative<T>[]) => firstThatOpens(document, alternatives, onNotice);
  const single = (line: string, source: string): Alternative<SourceFile> => {
    const file = sourceFile(source);
    return { line, files: [[source, file]], value: file };
  };

  const networks: Partial<Record<Component, SourceFile>> = {};
  for (const [name, component] of Object.entries(NETWORKS)) {
    const sources = recipe.sources[name as keyof typeof NETWORKS];
    networks[component] =
      files[component] ?? (await choose(sources.map((source, i) => single(`sources.${name}[${i}]`, source))));
  }
  const tokenizerFiles = new Map<string, SourceFile>();
  for (const folder of tokenizers === undefined ? (['tokenizer', 'tokenizer_2'] as const) : []) {
    const chosen = await choose(
      recipe.sources[folder].map((sources, i) => {
        const named = Object.entries(sources).map(([name, source]) => [name, source, sourceFile(source)] as const);
        return {
          line: `sources.${folder}[${i}]`,
          files: named.map(([, source, file]) => [source, file] as const),
          value: named,
        };
      }),
    );
    for (const [name, , file] of chosen) tokenizerFiles.set(`${folder}/${name}`, file);
  }
  const loras: LoraSource[] = [];
  for (const [i, lora] of (recipe.loras ?? []).entries()) {
    const all = [lora, ...(lora.or ?? [])];
    const line = (j: number) => (j === 0 ? `loras[${i}]` : `loras[${i}].or[${j - 1}]`);
    const alternatives = all.map((each, j) => {
      const { files: opened, value } = single(line(j), each.source);
      return { line: line(j), files: opened, value: { file: value, strength: each.strength } };
    });
    loras.push(await choose(alternatives));
  }
  const source = await combineSources({ files: networks, tokenizers: tokenizers ?? folderOf(tokenizerFiles) });
  return { source: withSchedule(source, recipe.schedule), loras };
}

async function firstThatOpens<T>(
  document: string,
  alternatives: readonly Alternative<T>[],
  onNotice: OpenRecipeOptions['onNotice'],
): Promise<T> {
  const failures: { text: string; error: FluxError }[] = [];
  for (const { line, files, value } of alternatives) {
    const failure = await whatFails(document, line, files);
    if (failure === undefined) {
      for (const { text } of failures)
        onNotice?.({ type: 'other-source', reason: text, taken: `${document}: ${line}` });
      return value;
    }
    failures.push(failure);
  }
  const licences = failures.flatMap(({ error: { details } }) =>
    details.licence === undefined ? [] : [details.licence],
  );
  throw new NetworkError(failures.map(({ text }) => text).join('; '), {
    code: 'network/status',
    details: {
      document,
      status: failures[0]?.error.details.status,
      lines: failures.map(({ text }) => text),
      ...(licences.length === 0 ? {} : { licence: licences[0] }),
    },
    cause: failures[0]?.error,
  });
}

/** What the hub says against an alternative; undefined where it opens. Throws what is no answer. */
async function whatFails(document: string, line: string, files: Alternative<unknown>['files']) {
  for (const [source, file] of files) {
    try {
      const opened = await file.open();
      await opened.close?.();
    } catch (error) {
      if (!isFluxError(error)) throw error;
      const { status, isGated } = error.details;
      const isAnswer = error.code === 'network/status' && typeof status === 'number' && status < 500 && status !== 429;
      const said = isAnswer ? `answered ${status}` : 'cannot be opened';
      const why = isAnswer && isGated !== true ? '' : `: ${error.message}`;
      const text = `${document}: ${line} "${source}" ${said}${why}`;
      // A file that is not on the disk is as good as a 404.
      if (isAnswer || error.code === 'storage/unavailable') return { text, error };
      throw new NetworkError(text, { code: error.code, details: { ...error.details, document, line }, cause: error });
    }
  }
  return undefined;
}

function folderOf(files: ReadonlyMap<string, SourceFile>): SourceFolder {
  return {
    list: async () => [...files.keys()],
    open: async (path) => ({ ...(await files.get(path)!.open()), name: path }),
  };
}

/** The recipe's schedule as the file that a pipeline folder has. */
function withSchedule(source: SourceFolder, schedule: RecipeSchedule): SourceFolder {
  if (schedule === undefined) return source;
  const text = JSON.stringify(schedule);
  const file = { ...bytesSource(new TextEncoder().encode(text), SCHEDULER), version: text };
  return {
    ...source,
    list: async () => [...(await source.list()), SCHEDULER],
    open: async (path) => (path === SCHEDULER ? file : await source.open(path)),
  };
}

type RecipeSchedule = FoundRecipe['recipe']['schedule'];
