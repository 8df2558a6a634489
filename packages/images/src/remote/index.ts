export { createRemote, type Remote, type RemoteCallOptions } from './create-remote.ts';
export { type GenerateThereOptions, generateThere, type RemoteModel, remoteModel } from './generate-there.ts';
export type { RemoteOptions, RemoteTimeouts, ServiceName } from './options.ts';
export type {
  AnswerDescription,
  AuthDescription,
  FieldDescription,
  RequestDescription,
  ServiceDescription,
  ServiceField,
  SizeSpelling,
} from './service.ts';
export { SERVICES } from './services.ts';
export type { StreamedPartial } from './stream-reader.ts';
