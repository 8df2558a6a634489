export { createRemote } from './create-remote.ts';
export { type GenerateThereOptions, generateThere } from './generate-there.ts';
export { type RemoteModel, remoteModel } from './models.ts';
export type { RemoteOptions, RemoteTimeouts } from './options.ts';
export type { Remote, RemoteCallOptions } from './remote.ts';
export type {
  AnswerDescription,
  AuthDescription,
  FieldDescription,
  RequestDescription,
  ServiceDescription,
  ServiceField,
  SizeSpelling,
} from './service.ts';
export type { ServiceName } from './service-names.ts';
export { SERVICES } from './services.ts';
export type { StreamedPartial } from './stream-reader.ts';
