import { ModelError } from '@flux-srpo/core';
import { type AnswerContext, errorAnswer, jsonAnswer } from './answers.ts';
import type { ImageEngine } from './engine.ts';

/** `GET /v1/models` and, with `id`, `GET /v1/models/{id}`. */
export async function answerModels(
  request: Request,
  engine: ImageEngine,
  context: AnswerContext,
  id?: string,
): Promise<Response> {
  try {
    const { model } = await engine.load({ signal: request.signal });
    // A bundle has no date; OpenAI's type wants a number.
    const entry = { id: model, object: 'model', created: 0, owned_by: 'flux-srpo' };
    if (id === undefined) return jsonAnswer({ object: 'list', data: [entry] }, context);
    if (id === model) return jsonAnswer(entry, context);
    throw new ModelError(`model must be "${model}", the one model here, got "${id.slice(0, 80)}"`, {
      code: 'model/not-found',
      details: { field: 'model', loaded: model },
    });
  } catch (error) {
    request.signal.throwIfAborted();
    return errorAnswer(error, context);
  }
}
