import { parseRequest } from '../wire/parse-request.ts';
import type { ImageRequest } from '../wire/request.ts';
import { type AnswerContext, errorAnswer, jsonAnswer, protocolError } from './answers.ts';
import { BodyProblem, readJsonBody } from './body.ts';
import type { ImageEngine } from './engine.ts';
import { streamImages } from './stream.ts';

/**
 * `POST /v1/images/generations`. Every failure is an answer with its status, except that an aborted
 * request rejects with its signal's reason, as fetch does.
 */
export async function answerImages(request: Request, engine: ImageEngine, context: AnswerContext): Promise<Response> {
  try {
    const body = await readJsonBody(request);
    const parsed = parseRequest(body);
    if (parsed.request.stream === true) return await streamImages(parsed, engine, request.signal, context);
    const response = await engine.images.generate(body as ImageRequest, { signal: request.signal });
    // A server's engine gives paths, whose origin is whatever address the client knows it by.
    for (const image of response.data) {
      if (image.url?.startsWith('/')) image.url = new URL(image.url, request.url).href;
    }
    return jsonAnswer(response, context);
  } catch (error) {
    request.signal.throwIfAborted();
    if (!(error instanceof BodyProblem)) return errorAnswer(error, context);
    return protocolError(error.status, error.code, error.message, context, error.headers);
  }
}
