import { offsetColumns, type Precision, QUANT_BLOCK, storedWidth, type TensorClass } from '@flux-srpo/core';
import {
  type Attributes,
  CONTRIB_DOMAIN,
  elementType,
  encodeGraph,
  type GraphNode,
  type TensorInit,
  type ValueInfo,
} from '@flux-srpo/formats/onnx';
import type { ClassOf, WeightSlot } from './slots.ts';
import { type WeightInput, weightInputs } from './weights.ts';

/** A size known when the graph is built, or the name of one that is known only when it runs. */
export type Dim = number | string;

/** A value of the graph under construction: its ONNX name and what is known of its shape. */
export interface Value {
  readonly name: string;
  readonly dtype: 'float32' | 'float16' | 'int64';
  readonly dims: readonly Dim[];
}

export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  tensorClass: TensorClass;
}

/**
 * Writes one block kind as an ONNX graph whose weights are inputs.
 *
 * The block functions beside this file call it in the order of the paper's equations; the weights they touch are
 * recorded as {@link WeightSlot}s, so the plan of what a checkpoint must provide and the graph come from one description.
 */
export class GraphBuilder {
  readonly slots: WeightSlot[] = [];
  readonly #name: string;
  readonly #classOf: ClassOf;
  readonly #precision: Precision;
  readonly #nodes: GraphNode[] = [];
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #valueInfo: ValueInfo[] = [];
  readonly #initializers = new Map<string, TensorInit>();
  readonly #weights: WeightInput[] = [];
  /** By activation: the same followed by its block sums. */
  readonly #withSums = new Map<string, Value>();
  #counter = 0;

  /** @param precision what {@link narrow} makes of a value: the only thing in which a graph's two variants differ */
  constructor(name: string, classOf: ClassOf, precision: Precision = 'f32') {
    this.#name = name;
    this.#classOf = classOf;
    this.#precision = precision;
  }

  /** What must be fed at every run besides the data inputs, in order. */
  get weightInputs(): readonly WeightInput[] {
    return this.#weights;
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

  /** A weight that is used as it is stored: a norm's scale, a bias, a convolution kernel. `dtype` is what it is used with. */
  plain(
    name: string,
    shape: readonly number[],
    tensorClass: TensorClass,
    dtype: 'float32' | 'float16' = 'float32',
  ): Value {
    this.#slot({ name, kind: 'plain', shape, tensorClass }, dtype);
    return { name, dtype, dims: shape };
  }

  /** `x` as linear layers are to take it: halves in a graph of half precision, else as it is. */
  narrow(x: Value): Value {
    return this.#precision === 'f16' ? this.#cast(x, 'float16') : x;
  }

  /** `x` as float32. */
  widen(x: Value): Value {
    return x.dtype === 'float32' ? x : this.#cast(x, 'float32');
  }

  /** y = x·Wᵀ + b in `x`'s dtype, W in whatever class the recipe gives `name`. `x` is [..., K]; the result is [..., N]. */
  linear(name: string, x: Value, features: number, options: LinearOptions): Value {
    const inner = x.dims.at(-1);
    if (typeof inner !== 'number') throw new Error(`linear ${name} needs a known input width`);
    const slot: WeightSlot = {
      name: `${name}.weight`,
      kind: 'linear',
      shape: [features, inner],
      tensorClass: options.tensorClass,
    };
    const weightClass = this.#classOf(slot);
    const dtype = x.dtype === 'float16' ? 'float16' : 'float32';
    this.#slot(slot, dtype);
    const bias = options.bias === false ? undefined : this.plain(`${name}.bias`, [features], 'bias', dtype);
    const dims = [...x.dims.slice(0, -1), features];
    if (weightClass === 'f32' || weightClass === 'f16') {
      const product = this.node('MatMul', [x, `${name}.weight`], dims);
      return bias ? this.node('Add', [product, bias], dims) : product;
    }
    const a = weightClass === 'q4m' ? this.#appendBlockSums(x, inner) : x;
    // The bias goes into input 5: an Add after MatMulNBits is not fused by the web runtime.
    return this.contrib('MatMulNBits', [a, `${name}.weight`, `${name}.scales`, '', '', ...(bias ? [bias] : [])], dims, {
      K: storedWidth(inner, weightClass),
      N: features,
      bits: weightClass === 'q8' ? 8 : 4,
      block_size: QUANT_BLOCK,
    });
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

  /** A node of ONNX Runtime's own operator set; its shape is written down, since no checker can infer it. */
  contrib(op: string, inputs: readonly (Value | string)[], dims: readonly Dim[], attributes: Attributes = {}): Value {
    const value = this.#emit(op, CONTRIB_DOMAIN, inputs, [dims], attributes)[0] as Value;
    this.#valueInfo.push({ name: value.name, dtype: value.dtype, dims });
    return value;
  }

  /** A small constant, shared by every use of the same name. */
  constant(name: string, dtype: TensorInit['dtype'], dims: readonly number[], values: readonly number[]): string {
    this.#initializers.set(name, { name, dtype, dims, values });
    return name;
  }

  /** `dims` may use 0 (keep) and −1 (the rest), as ONNX's Reshape does; `result` is what comes out. */
  reshape(x: Value, dims: readonly number[], result: readonly Dim[]): Value {
    const shape = this.constant(`shape_${dims.join('_').replaceAll('-', 'm')}`, 'int64', [dims.length], dims);
    return this.node('Reshape', [x, shape], result);
  }

  build(): Uint8Array {
    const graph = {
      name: this.#name,
      nodes: this.#nodes,
      inputs: [...this.#inputs, ...this.#weights.map(({ name, dtype, dims }) => ({ name, dtype, dims }))],
      outputs: this.#outputs,
      initializers: [...this.#initializers.values()],
      valueInfo: this.#valueInfo,
    };
    return encodeGraph(graph, 'flux-srpo');
  }

  /** [..., K] → [..., K + 2·padded]: x, then twice the sums over its blocks of 32, which the offsets of `q4m` multiply. */
  #appendBlockSums(x: Value, inner: number): Value {
    const known = this.#withSums.get(x.name);
    if (known) return known;
    const { blocks, padded } = offsetColumns(inner);
    const lead = x.dims.slice(0, -1);
    const keep = lead.map(() => 0);
    const inBlocks = this.reshape(x, [...keep, blocks, QUANT_BLOCK], [...lead, blocks, QUANT_BLOCK]);
    const axis = this.constant('last_axis', 'int64', [1], [-1]);
    let sums = this.node('ReduceSum', [inBlocks, axis], [...lead, blocks], { keepdims: 0 });
    if (padded > blocks) {
      const pads = [...keep, 0, ...keep, padded - blocks];
      const padding = this.constant(`pads_${pads.join('_')}`, 'int64', [pads.length], pads);
      sums = this.node('Pad', [sums, padding], [...lead, padded]);
    }
    const widened = this.node('Concat', [x, sums, sums], [...lead, storedWidth(inner, 'q4m')], { axis: -1 });
    this.#withSums.set(x.name, widened);
    return widened;
  }

  #slot(slot: WeightSlot, dtype: 'float32' | 'float16'): void {
    this.slots.push(slot);
    this.#weights.push(...weightInputs(slot, this.#classOf(slot), dtype));
  }

  #cast(x: Value, dtype: 'float32' | 'float16'): Value {
    return { ...this.node('Cast', [x], x.dims, { to: elementType(dtype) }), dtype };
  }

  #emit(
    op: string,
    domain: string,
    inputs: readonly (Value | string)[],
    dims: readonly (readonly Dim[])[],
    attributes: Attributes,
  ): Value[] {
    // Every operator here but Cast gives what it takes.
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
