import type { RemoteOptions } from 'flux-srpo';

/** A server that may draw instead of this machine, as it was typed. The key is in memory alone. */
export interface ServerSettings {
  baseURL: string;
  service: NonNullable<Extract<RemoteOptions['service'], string>>;
  key: string;
  /** Empty: the server's own. */
  model: string;
}

export const SERVICES = [
  'flux-srpo',
  'openai',
  'localai',
  'vllm-omni',
  'sd-server',
  'fal',
] as const satisfies readonly ServerSettings['service'][];

export const NO_SERVER: ServerSettings = { baseURL: '', service: 'flux-srpo', key: '', model: '' };
