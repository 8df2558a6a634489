import { InferenceError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { type ImageEvent, partialImageEvent } from '../wire/events.ts';
import type { ImageResponse } from '../wire/response.ts';
import { imageStream } from './image-stream.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const RESPONSE: ImageResponse = {
  created: 1,
  data: [{ b64_json: PNG }],
  seed: 7,
  model: 'm',
  backend: 'local',
  warnings: [],
};

const partial = (index: number): ImageEvent =>
  partialImageEvent({ b64_json: PNG, created: 1, size: { width: 16, height: 16 }, image: 0 }, index);

/** A generation that does what the test says, when it says so. */
function generation() {
  let emit: (event: ImageEvent) => void = () => undefined;
  let signal: AbortSignal | undefined;
  let begun = false;
  let answer: (response: ImageResponse) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const outcome = new Promise<ImageResponse>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  const stream = imageStream((onEvent, left) => {
    begun = true;
    [emit, signal] = [onEvent, left];
    return outcome;
  });
  return { stream, emit: (index: number) => emit(partial(index)), answer, fail, state: () => ({ begun, signal }) };
}

describe('the stream of a generation', () => {
  it('begins with the first next(), and gives events as they come and then the pictures', async () => {
    const { stream, emit, answer, state } = generation();
    expect(state().begun).toBe(false);
    const first = stream.next();
    expect(state().begun).toBe(true);
    emit(0);
    expect((await first).value).toMatchObject({ type: 'image_generation.partial_image', partial_image_index: 0 });
    // Two that nobody has asked for yet are kept.
    emit(1);
    emit(2);
    answer(RESPONSE);
    const rest: ImageEvent[] = [];
    for await (const event of stream) rest.push(event);
    expect(rest.map(({ type }) => type.replace('image_generation.', ''))).toEqual([
      'partial_image',
      'partial_image',
      'completed',
    ]);
    expect(rest.at(-1)).toMatchObject({ b64_json: PNG, seed: 7 });
  });

  it('aborts the generation when the loop is left', async () => {
    const { stream, emit, fail, state } = generation();
    const first = stream.next();
    emit(0);
    await first;
    expect(state().signal?.aborted).toBe(false);
    await stream.return();
    expect(state().signal?.aborted).toBe(true);
    // How it ends concerns nobody any more: an unhandled rejection would fail this test.
    fail(state().signal?.reason);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('is left at once, even while the next event is awaited', async () => {
    const { stream, fail, state } = generation();
    const first = stream.next();
    const left = stream.return();
    expect(state().signal?.aborted).toBe(true);
    fail(state().signal?.reason);
    expect(await Promise.all([first, left])).toEqual(Array(2).fill({ done: true, value: undefined }));
  });

  it('throws what the generation fails with, after the events before that', async () => {
    const { stream, emit, fail } = generation();
    const first = stream.next();
    emit(0);
    fail(new InferenceError('not a number', { code: 'inference/output-invalid' }));
    expect((await first).done).toBe(false);
    await expect(stream.next()).rejects.toMatchObject({ code: 'inference/output-invalid' });
  });
});
