import type { RemoteOptions } from 'flux-srpo';

/** A server that may draw instead of this machine. Off until the person turns it on. */
export interface ServerSettings {
  isOn: boolean;
  baseURL: string;
  service: NonNullable<Extract<RemoteOptions['service'], string>>;
  /** In memory alone, unless the person wants it kept. */
  key: string;
  model: string;
  /** Whether the person agreed that prompts go there, this visit. */
  agreed: string;
}

export const NO_SERVER: ServerSettings = {
  isOn: false,
  baseURL: '',
  service: 'flux-srpo',
  key: '',
  model: '',
  agreed: '',
};
