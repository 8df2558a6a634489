/** What a local run needs besides its worker. Apart from the client, which is small: loaded with the model. */
export { toEngineRequest } from '../wire/model.ts';
export { localResponse, partialWarnings } from '../wire/response.ts';
