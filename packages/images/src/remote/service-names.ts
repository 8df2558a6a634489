/** The services that are known by name. All of them take the key in `Authorization`. */
export const SERVICE_NAMES = ['flux-srpo', 'openai', 'localai', 'vllm-omni', 'sd-server', 'fal'] as const;

/** One of `SERVICE_NAMES`. */
export type ServiceName = (typeof SERVICE_NAMES)[number];
