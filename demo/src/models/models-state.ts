import type { ImportForecast, RecipeEntry, StoredModel, WeightClass } from 'flux-srpo';
import { HUB } from '../address.ts';
import type { Folder } from './folders.ts';
import type { Chosen, Role } from './sort-files.ts';

/** The models of this browser, and the two forms that bring more. */
export interface Models {
  stored: readonly StoredModel[];
  room: Room;
  /** Bundles on the disk of this machine. */
  folders: readonly Folder[];
  recipes: readonly RecipeEntry[];
  /** What was done last. */
  text: string;
  error?: unknown;
  /** The model whose files are being read and compared. */
  verifying?: { id: string; cancel: AbortController } | undefined;
  /** The model that was chosen and could not be opened. */
  refused?: { url: string; error: unknown } | undefined;
  recipe: RecipeForm;
  own: OwnForm;
  jobs: Readonly<Record<Panel, ImportJob>>;
}

/** Bytes that this origin takes, and may take. */
export interface Room {
  usage: number;
  quota: number;
}

/** A form that imports, by what the ids of its elements begin with. */
export type Panel = 'recipe' | 'import';

interface ImportForm {
  /** Name in this browser. */
  id: string;
  /** In memory alone. */
  token: string;
  hub: string;
}

/** What the form of the recipes says. */
export interface RecipeForm extends ImportForm {
  recipe: string;
  /** Whether its licence is accepted. */
  accepted: boolean;
}

/** What the form of a person's own files says. */
export interface OwnForm extends ImportForm {
  chosen: readonly Chosen[];
  /** Paths of picked files that are of no use. */
  leftOut: readonly string[];
  urls: Readonly<Partial<Record<UrlField, string>>>;
  dtype: WeightClass;
}

export type UrlField = Role | 'tokenizers';

/** What happens to a form's import. */
export interface ImportJob {
  /** What the last check has found of the present choice. */
  forecast?: ImportForecast | undefined;
  /** The person wants it, although this machine cannot draw with it. */
  anyway: boolean;
  /** The check or the import that runs. */
  run?: { isImport: boolean; cancel: AbortController } | undefined;
  /** 0 to 1. Absent where nobody knows how much there is to do. */
  fraction?: number | undefined;
  text: string;
  /** Said to screen readers. */
  announcement: string;
  /** What to know of the result. */
  notes: readonly string[];
  error?: unknown;
  /** It was begun: the same button goes on. */
  isBegun: boolean;
}

const IDLE: ImportJob = { anyway: false, text: '', announcement: '', notes: [], isBegun: false };

/** Which recipe is chosen at first: the least to read. */
const FIRST_RECIPE = 'srpo-q4';

export const NO_MODELS: Models = {
  stored: [],
  room: { usage: 0, quota: 0 },
  folders: [],
  recipes: [],
  text: '',
  recipe: { recipe: FIRST_RECIPE, accepted: false, id: FIRST_RECIPE, token: '', hub: HUB },
  own: { chosen: [], leftOut: [], urls: {}, dtype: 'q4m', id: 'srpo', token: '', hub: HUB },
  jobs: { recipe: IDLE, import: IDLE },
};

/** Bytes that the browser still offers. It counts late what was just stored. */
export function freeRoom({ room: { usage, quota }, stored }: Models): number {
  return Math.max(0, quota - Math.max(usage, takenRoom(stored)));
}

export function takenRoom(stored: readonly StoredModel[]): number {
  return stored.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Whether the import may begin: it was checked, fits, and this machine can draw with it. */
export function mayStart({ forecast, anyway, run }: ImportJob): boolean {
  return run === undefined && forecast?.fits === true && (anyway || forecast.machine.obstacles.length === 0);
}
