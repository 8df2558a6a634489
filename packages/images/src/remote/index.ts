export { createRemote, type Remote, type RemoteCallOptions } from './create-remote.ts';
export type { RemoteOptions, RemoteTimeouts, ServiceName } from './options.ts';
export type {
  AnswerDescription,
  AuthDescription,
  FieldDescription,
  RequestDescription,
  ServiceDescription,
  ServiceField,
  SizeSpelling,
} from './service-description.ts';
export { SERVICES } from './services.ts';
export type { StreamedPartial } from './stream.ts';
