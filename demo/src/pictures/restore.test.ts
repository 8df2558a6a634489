import { encodePng } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { withCompressedText } from '../../../test/support/compressed-png-text.ts';
import { restore } from './restore.ts';

const PIXEL = { width: 1, height: 1, rgb: new Uint8Array(3) };

const withCompressed = (keyword: string, text: Buffer) =>
  new Blob([withCompressedText(encodePng(PIXEL), keyword, text)]);

/** Files that strangers may have made to cost time or memory. A minute would fail the test. */
describe('a hostile PNG', () => {
  it('is read in a moment where its settings have a quote that never ends', async () => {
    // Two ways to read each backslash would be 2^200 ways to read all of them.
    const parameters = `a\nSteps: 20, Model: "${'\\'.repeat(200)}, Seed: 7`;
    const found = await restore(new Blob([encodePng(PIXEL, { parameters })]));
    expect(found?.form).toMatchObject({ prompt: 'a', steps: '20', seed: '7' });
  });

  it('is read in a moment where its settings are one long name', async () => {
    const parameters = `a\nSteps: 20, ${' '.repeat(200_000)}`;
    expect((await restore(new Blob([encodePng(PIXEL, { parameters })])))?.form.steps).toBe('20');
  });

  it('is read in a moment where each node of its graph has twenty ways to the next', async () => {
    const ways = (id: number) =>
      Object.fromEntries(Array.from({ length: 20 }, (_, way) => [`in${way}`, [String(id), 0]]));
    const nodes = Array.from({ length: 40 }, (_, id) => [
      id,
      { class_type: 'A', inputs: { positive: ['1', 0], ...ways(id + 1) } },
    ]);
    const graph = {
      ...Object.fromEntries(nodes),
      40: { class_type: 'CLIPTextEncode', inputs: { text: 'a red house' } },
    };
    const found = await restore(new Blob([encodePng(PIXEL, { prompt: JSON.stringify(graph) })]));
    expect(found?.form.prompt).toBe('a red house');
  });

  it('is followed through a graph of twenty thousand nodes in a row', async () => {
    const nodes = Array.from({ length: 20_000 }, (_, id) => [id, { inputs: { positive: [String(id + 1)] } }]);
    const graph = { ...Object.fromEntries(nodes), 20000: { inputs: { text: 'far' } } };
    const found = await restore(new Blob([encodePng(PIXEL, { prompt: JSON.stringify(graph) })]));
    expect(found?.form.prompt).toBe('far');
  });

  it('gives no more than 4 MiB of a text, whatever it is packed into', async () => {
    // A gigabyte in one megabyte would be as good; this is quicker to make.
    const bomb = withCompressed('parameters', Buffer.alloc(64 * 2 ** 20, 'a'));
    expect(bomb.size).toBeLessThan(2 ** 20);
    expect(await restore(bomb)).toBeUndefined();
    expect((await restore(withCompressed('parameters', Buffer.from('a\nSteps: 3'))))?.form.steps).toBe('3');
  });

  it.each(['null', '[]', '7', '{', '{"1":null,"2":{"inputs":7}}'])(
    'says nothing, or nothing wrong, with %s for its settings',
    async (json) => {
      for (const key of ['flux-srpo', 'prompt']) {
        const { form = {} } = (await restore(new Blob([encodePng(PIXEL, { [key]: json })]))) ?? {};
        expect(Object.values(form).every((value) => value === undefined || typeof value === 'string')).toBe(true);
      }
    },
  );

  it('has at most a dozen settings that are told as unused, each cut', async () => {
    const graph = Object.fromEntries(
      Array.from({ length: 500 }, (_, id) => [id, { class_type: `${id}`.padEnd(500, 'x') }]),
    );
    const { unused = [] } = (await restore(new Blob([encodePng(PIXEL, { prompt: JSON.stringify(graph) })]))) ?? {};
    expect(unused).toHaveLength(12);
    expect(Math.max(...unused.map((text) => text.length))).toBeLessThan(120);
  });
});
