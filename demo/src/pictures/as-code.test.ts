import { expect, it } from 'vitest';
import { asCode, languagesOf } from './as-code.ts';

// That each code draws its picture, test/e2e/code.test.ts shows.
const request = { prompt: "it's", seed: 1, num_inference_steps: 4, acceleration: 'high' } as const;
const here = { bundle: 'https://a.example/models/tiny/' };
const there = { bundle: 'https://b.example/v1/', host: 'b.example', service: 'localai' } as const;

it('asks the server that drew the picture, where one did', () => {
  expect(languagesOf(here)).toContain('cli');
  expect(languagesOf(there)).toEqual(['library', 'fetch', 'openai', 'ai-sdk', 'curl']);
  expect(languagesOf({ ...there, service: 'fal' })).not.toContain('curl');
  for (const language of ['library', 'fetch', 'openai', 'ai-sdk'] as const) {
    expect(asCode(language, request, there)).toContain(
      "remote: { baseURL: 'https://b.example/v1/', service: 'localai' },",
    );
    expect(asCode(language, request, here)).toContain("{ model: 'https://a.example/models/tiny/', allowWasm: true }");
  }
  expect(asCode('curl', request, there)).toMatch(/^curl https:\/\/b\.example\/v1\/images\/generations /);
});

it('asks the person for a folder of the disk, and quotes what a shell would take apart', () => {
  expect(asCode('library', request, { bundle: 'folder:srpo' })).toContain('model: await showDirectoryPicker(),');
  expect(asCode('cli', request, here)).toContain("--prompt 'it'\\''s'");
  expect(asCode('cli', request, here)).toContain("--acceleration 'high'");
});
