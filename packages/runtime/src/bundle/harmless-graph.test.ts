import { readFile } from 'node:fs/promises';
import { decodeModel, encodeModel } from '@flux-srpo/formats/onnx';
import { describe, expect, it } from 'vitest';
import { requireHarmless } from './harmless-graph.ts';

type Model = ReturnType<typeof decodeModel>;
type Node = Model['graph']['node'][number];

// A graph of the embedded model, which one change makes hostile.
const file = await readFile(new URL('../../../../models/tiny/bundle/graphs/vae_out.onnx', import.meta.url));
const real = (): Model => decodeModel(file);

/** Puts a graph into an attribute, as loops and branches have it. */
function nest(model: Model): void {
  const attribute = model.graph.node.flatMap((node) => node.attribute)[0]!;
  attribute.g = real().graph;
}

function changed(change: (model: Model, node: Node) => void): Uint8Array {
  const model = real();
  change(model, model.graph.node[0]!);
  return encodeModel(model);
}

describe('a graph in a bundle', () => {
  it('of ours is let through', () => {
    requireHarmless('vae_out', file);
    requireHarmless(
      'vae_out',
      changed(() => undefined),
    );
  });

  it.each<[string, (model: Model, node: Node) => void]>([
    ['an operator that nobody here uses', (_, node) => Object.assign(node, { opType: 'Loop' })],
    ['an operator of another domain', (_, node) => Object.assign(node, { domain: 'ai.evil' })],
    ['an operator named as a method of objects', (_, node) => Object.assign(node, { domain: '__proto__' })],
    [
      'a function of its own',
      (model) => {
        const lists = { input: [], output: [], attribute: [], attributeProto: [], node: [], opsetImport: [] };
        const rest = { domain: '', docString: '', overload: '', valueInfo: [], metadataProps: [] };
        model.functions.push({ $typeName: 'onnx.FunctionProto', name: 'f', ...lists, ...rest });
      },
    ],
    ['a graph inside a node', nest],
    [
      'numbers in another file',
      (model) => {
        const tensor = model.graph.initializer[0]!;
        const value = '../../etc/passwd';
        tensor.dataLocation = 1;
        tensor.externalData.push({ $typeName: 'onnx.StringStringEntryProto', key: 'location', value });
      },
    ],
    [
      'more nodes than any graph has',
      ({ graph }, node) => Object.assign(graph, { node: Array.from({ length: 20_001 }, () => node) }),
    ],
  ])('with %s is refused before a runtime sees it', (_, change) => {
    expect(() => requireHarmless('bad', changed(change))).toThrow(
      expect.objectContaining({ code: 'model/manifest-invalid', details: expect.objectContaining({ graph: 'bad' }) }),
    );
  });

  it('that others made may have more operators, but none with a graph inside', () => {
    const gather = changed((_, node) => Object.assign(node, { opType: 'Gather' }));
    requireHarmless('classifier', gather, 'others');
    expect(() => requireHarmless('classifier', gather)).toThrow('got Gather');
    const nested = changed(nest);
    expect(() => requireHarmless('classifier', nested, 'others')).toThrow('no graph inside a node');
  });

  it('that is no graph is refused', () => {
    expect(() => requireHarmless('bad', new TextEncoder().encode('<!doctype html>'))).toThrow('must be a protobuf');
  });
});
