/**
 * Asks as Open WebUI does with these settings: the request that its `image_generations` makes for a
 * prompt of a chat, and how it reads the answer.
 *
 * @see https://github.com/open-webui/open-webui/blob/02530d501461ce58ab06231d7c2ef2024a141ddf/backend/open_webui/routers/images.py
 * @param settings `NAME=value`, a line each
 * @returns the picture's file
 */
export async function askAsOpenWebUi(settings: string, prompt: string): Promise<Uint8Array> {
  const {
    IMAGES_OPENAI_API_BASE_URL,
    IMAGES_OPENAI_API_KEY,
    IMAGE_GENERATION_MODEL,
    IMAGE_SIZE,
    IMAGES_OPENAI_PARAMS,
  } = Object.fromEntries(settings.split('\n').map((line) => line.split(/=(.*)/))) as Record<string, string>;
  const authorization = `Bearer ${IMAGES_OPENAI_API_KEY}`;
  const answer = await fetch(`${IMAGES_OPENAI_API_BASE_URL}/images/generations`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: IMAGE_GENERATION_MODEL,
      prompt,
      n: 1,
      ...(IMAGE_SIZE ? { size: IMAGE_SIZE } : {}),
      // Its default pattern of models that answer with addresses.
      ...(/^gpt-image/.test(IMAGE_GENERATION_MODEL ?? '') ? {} : { response_format: 'b64_json' }),
      ...JSON.parse(IMAGES_OPENAI_PARAMS || '{}'),
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  const [image] = (await answer.json()).data as [{ url?: string; b64_json?: string }];
  if (image.url === undefined) return Buffer.from(image.b64_json ?? '', 'base64');
  const picture = await fetch(image.url, { headers: { authorization } });
  return new Uint8Array(await picture.arrayBuffer());
}
