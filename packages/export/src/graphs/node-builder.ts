import {
  type Attributes,
  CONTRIB_DOMAIN,
  encodeGraph,
  type GraphNode,
  type TensorInit,
  type ValueInfo,
} from '@flux-srpo/formats/onnx';

/** A size known when the graph is built, or the name of one that is known only when it runs. */
export type Dim = number | string;

/** A value of the graph under construction: its ONNX name and what is known of its shape. */
export interface Value {
  readonly name: string;
  readonly dtype: 'float32' | 'float16' | 'int64';
  readonly dims: readonly Dim[];
}

/** Writes an ONNX graph node by node. Each value has its own name; callers work out shapes. */
export class NodeBuilder {
  readonly #name: string;
  readonly #nodes: GraphNode[] = [];
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #valueInfo: ValueInfo[] = [];
  readonly #initializers = new Map<string, TensorInit>();
  #counter = 0;

  constructor(name: string) {
    this.#name = name;
  }

  input(name: string, dims: readonly Dim[], dtype: 'float32' | 'int64' = 'float32'): Value {
    this.#inputs.push({ name, dtype, dims });
    return { name, dtype, dims };
  }

  /** Names `value` as an output of the graph. */
  output(name: string, value: Value): void {
    const producer = this.#nodes.findLast((node) => node.outputs.includes(value.name));
    if (!producer) throw new Error(`output ${name} of ${this.#name} is not produced by any node`);
    for (const node of this.#nodes) node.inputs = node.inputs.map((input) => (input === value.name ? name : input));
    producer.outputs = producer.outputs.map((output) => (output === value.name ? name : output));
    const known = this.#valueInfo.findIndex((info) => info.name === value.name);
    if (known >= 0) this.#valueInfo.splice(known, 1);
    this.#outputs.push({ name, dtype: 'float32', dims: value.dims });
  }

  node(op: string, inputs: readonly (Value | string)[], dims: readonly Dim[], attributes: Attributes = {}): Value {
    return this.#emit(op, '', inputs, [dims], attributes)[0] as Value;
  }

  /** A node with several outputs. */
  nodes(
    op: string,
    inputs: readonly (Value | string)[],
    dims: readonly (readonly Dim[])[],
    attributes: Attributes = {},
  ): Value[] {
    return this.#emit(op, '', inputs, dims, attributes);
  }

  /** A node of ONNX Runtime's own. Its shape is stored, since no checker can infer it. */
  contrib(op: string, inputs: readonly (Value | string)[], dims: readonly Dim[], attributes: Attributes = {}): Value {
    const value = this.#emit(op, CONTRIB_DOMAIN, inputs, [dims], attributes)[0] as Value;
    this.#valueInfo.push({ name: value.name, dtype: value.dtype, dims });
    return value;
  }

  /** A small constant. Uses of the same name share it. */
  constant(name: string, dtype: TensorInit['dtype'], dims: readonly number[], values: readonly number[]): string {
    this.#initializers.set(name, { name, dtype, dims, values });
    return name;
  }

  /** ONNX's Reshape: `dims` may hold 0 (keep) and −1 (the rest). `result` is what comes out. */
  reshape(x: Value, dims: readonly number[], result: readonly Dim[]): Value {
    const shape = this.constant(`shape_${dims.join('_').replaceAll('-', 'm')}`, 'int64', [dims.length], dims);
    return this.node('Reshape', [x, shape], result);
  }

  /** The model file. `moreInputs` follow those of {@link input}. */
  protected encode(moreInputs: readonly ValueInfo[]): Uint8Array {
    const graph = {
      name: this.#name,
      nodes: this.#nodes,
      inputs: [...this.#inputs, ...moreInputs],
      outputs: this.#outputs,
      initializers: [...this.#initializers.values()],
      valueInfo: this.#valueInfo,
    };
    return encodeGraph(graph, 'flux-srpo');
  }

  #emit(
    op: string,
    domain: string,
    inputs: readonly (Value | string)[],
    dims: readonly (readonly Dim[])[],
    attributes: Attributes,
  ): Value[] {
    // Every operator here except Cast keeps its input's dtype.
    const { dtype } = inputs.find((input) => typeof input !== 'string') ?? { dtype: 'float32' as const };
    const outputs = dims.map((shape) => ({ name: `${op}_${++this.#counter}`, dtype, dims: shape }));
    this.#nodes.push({
      op,
      domain,
      inputs: inputs.map((input) => (typeof input === 'string' ? input : input.name)),
      outputs: outputs.map((value) => value.name),
      attributes,
    });
    return outputs;
  }
}
