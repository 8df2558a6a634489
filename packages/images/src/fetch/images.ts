import { parseRequest } from '../wire/parse-request.ts';
import { type AnswerContext, errorAnswer, jsonAnswer, protocolError } from './answers.ts';
import { readBody } from './body.ts';
import type { ImageEngine } from './engine.ts';
import { streamImages } from './stream.ts';

/**
 * `POST /v1/images/generations`. Every failure is an answer with its status, except that an aborted request rejects with its signal's
 * reason, as fetch does.
 */
export async function answerImages(request: Request, engine: ImageEngine, context: AnswerContext): Promise<Response> {
  try {
    // A page elsewhere can post plain text without asking; JSON needs CORS to allow it.
    if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
      return protocolError(415, 'unsupported_media_type', 'content-type must be application/json', context);
    }
    const text = await readBody(request);
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return protocolError(400, 'invalid_json', 'the request body must be JSON', context);
    }
    const parsed = parseRequest(body);
    if (parsed.request.stream === true) return await streamImages(parsed, engine, request.signal, context);
    const response = await engine.images.generate(body as typeof parsed.request, { signal: request.signal });
    // A server's engine gives paths, whose origin is whatever address the client knows it by.
    for (const image of response.data) {
      if (image.url?.startsWith('/')) image.url = new URL(image.url, request.url).href;
    }
    return jsonAnswer(response, context);
  } catch (error) {
    request.signal.throwIfAborted();
    return errorAnswer(error, context);
  }
}
