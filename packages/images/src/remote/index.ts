export { createRemote, type Remote, type RemoteCallOptions } from './create-remote.ts';
export type { RemoteOptions, RemoteTimeouts } from './options.ts';
export type {
  AnswerDescription,
  FieldDescription,
  Path,
  RequestDescription,
  ServiceDescription,
  ServiceField,
  SizeSpelling,
} from './service.ts';
export { SERVICES, type ServiceName } from './services.ts';
