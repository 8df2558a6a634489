import type {
  Acceleration,
  ImageRequestNonStreaming,
  ImageSize,
  LoadedModel,
  Preview,
  ProbeReport,
  SizePreset,
} from 'flux-srpo';
import type { Models } from './models/models-state.ts';
import type { Language } from './pictures/as-code.ts';
import type { Picture } from './pictures/picture.ts';
import type { RunProgress } from './run-progress.ts';
import type { ServerSettings } from './server.ts';

/** All that the page shows. Views are functions of it. */
export interface State {
  stage: Stage;
  /** Address of what draws. Absent: nothing yet. */
  address?: string | undefined;
  form: FormValues;
  /** What the frame shows where nothing is drawn: a picture, a batch, or two to compare. */
  shown: readonly Picture[];
  gallery: Gallery;
  models: Models;
  /** Of the code that is shown. */
  language: Language;
  server: ServerSettings;
  /** The server that draws now. Absent: this machine does. */
  host?: string | undefined;
  /** Why the server could not be used. */
  serverError?: unknown;
  /** What this machine can do. Absent until it was asked. */
  probe?: ProbeReport;
  /** How the last run ended, and what to know of its picture. */
  outcome: Outcome;
  /** Said to screen readers. */
  announcement: string;
}

/** Where the page is. */
export type Stage =
  /** A model is being opened. `before` is the one that draws again if this fails. */
  | { at: 'opening'; address: string; progress: RunProgress; cancel: AbortController; before?: LoadedModel }
  | { at: 'ready'; model: LoadedModel }
  /** The first job runs, the others wait. */
  | { at: 'running'; model: LoadedModel; jobs: readonly [Job, ...Job[]] }
  /** There is no model. */
  | { at: 'failed'; address: string; error: unknown };

/** A press of the button. */
export interface Job {
  id: number;
  request: ImageRequestNonStreaming & { seed: number };
  size: ImageSize;
  /** Where it is drawn: here, or on the server with this name. */
  host?: string;
  cancel: AbortController;
  progress: RunProgress;
  /** By picture of the batch. */
  previews: readonly Preview[];
}

export interface Outcome {
  text: string;
  notes: readonly string[];
  error?: unknown;
}

/** What was typed. `undefined` is untouched: the model's own value. */
export interface FormValues {
  prompt?: string | undefined;
  size?: SizePreset | 'custom' | undefined;
  width: string;
  height: string;
  steps?: string | undefined;
  guidance?: string | undefined;
  n: string;
  acceleration: Acceleration;
  safety: boolean;
  /** Empty: another for each run. */
  seed: string;
}

export interface Gallery {
  /** Newest first. */
  pictures: readonly Picture[];
  /** Whether new pictures are kept. */
  isKept: boolean;
  /** Waits for the picture that it is to be compared with. */
  comparing?: Picture | undefined;
  error?: unknown;
}

export const EMPTY_FORM: FormValues = {
  width: '',
  height: '',
  n: '1',
  acceleration: 'none',
  safety: false,
  seed: '',
};

/** The model that draws, if there is one. */
export function modelOf(stage: Stage): LoadedModel | undefined {
  if (stage.at === 'ready' || stage.at === 'running') return stage.model;
  return stage.at === 'opening' ? stage.before : undefined;
}

/** Address of the model that draws, or of the one that is opened or could not be. */
export function addressOf({ stage, address }: State): string | undefined {
  return address ?? (stage.at === 'opening' || stage.at === 'failed' ? stage.address : undefined);
}
