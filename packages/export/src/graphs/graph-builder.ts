import {
  offsetColumns,
  type Precision,
  QUANT_BLOCK,
  storedWidth,
  type TensorClass,
  type WeightClass,
} from '@flux-srpo/core';
import { elementType } from '@flux-srpo/formats/onnx';
import { NodeBuilder, type Value } from './node-builder.ts';
import type { ClassOf, WeightSlot } from './slots.ts';
import { offsetsName, scalesName, type WeightInput, weightInputs } from './weight-inputs.ts';

export interface LinearOptions {
  /** @default true */
  bias?: boolean;
  /** Of the result, by scaling `x` and the bias. A power of two changes exponents alone. */
  scale?: number;
  tensorClass: TensorClass;
}

/**
 * Writes one block kind as an ONNX graph whose weights are inputs.
 *
 * The block functions beside this file call it in the order of the reference implementation. It
 * records the weights that they use as {@link WeightSlot}s, so that the graph and the list of
 * weights that a checkpoint must have come from one description.
 */
export class GraphBuilder extends NodeBuilder {
  readonly slots: WeightSlot[] = [];
  readonly #classOf: (slot: WeightSlot) => WeightClass;
  readonly #precision: Precision;
  readonly #weights: WeightInput[] = [];
  /** By activation: its block sums, and the activation followed by them. */
  readonly #sums = new Map<string, Value>();
  readonly #withSums = new Map<string, Value>();

  /**
   * @param precision of {@link narrow}'s results: the only difference between a graph's two
   *   variants
   */
  constructor(name: string, classOf: ClassOf, precision: Precision = 'f32') {
    super(name);
    this.#classOf = (slot) => classOf(slot, name);
    this.#precision = precision;
  }

  /** The weights that are fed at every run, in order, after the data inputs. */
  get weightInputs(): readonly WeightInput[] {
    return this.#weights;
  }

  /** A weight used as it is stored: a norm's scale, a bias, a kernel. `dtype`: of what it meets. */
  plain(
    name: string,
    shape: readonly number[],
    tensorClass: TensorClass,
    dtype: 'float32' | 'float16' = 'float32',
  ): Value {
    this.#slot({ name, kind: 'plain', shape, tensorClass }, dtype);
    return { name, dtype, dims: shape };
  }

  /** `x` as linear layers take it: as halves in a graph of half precision, else unchanged. */
  narrow(x: Value): Value {
    return this.#precision === 'f16' ? this.#cast(x, 'float16') : x;
  }

  /** `x` as float32. */
  widen(x: Value): Value {
    return x.dtype === 'float32' ? x : this.#cast(x, 'float32');
  }

  /**
   * scale·(x·Wᵀ + b), [..., K] → [..., N], in the input's dtype. W has the class that the recipe
   * gives it.
   */
  linear(name: string, input: Value, features: number, options: LinearOptions): Value {
    const inner = input.dims.at(-1);
    if (typeof inner !== 'number') throw new Error(`linear ${name} needs a known input width`);
    const slot: WeightSlot = {
      name: `${name}.weight`,
      kind: 'linear',
      shape: [features, inner],
      tensorClass: options.tensorClass,
    };
    const weightClass = this.#classOf(slot);
    const dtype = input.dtype === 'float16' ? 'float16' : 'float32';
    this.#slot(slot, dtype);
    const scaled = (value: Value): Value => (options.scale === undefined ? value : this.times(value, options.scale));
    const x = scaled(input);
    const bias = options.bias === false ? undefined : scaled(this.plain(`${name}.bias`, [features], 'bias', dtype));
    const dims = [...x.dims.slice(0, -1), features];
    if (weightClass === 'f32' || weightClass === 'f16') {
      const product = this.node('MatMul', [x, `${name}.weight`], dims);
      return bias ? this.node('Add', [product, bias], dims) : product;
    }
    const a = weightClass === 'q4m' ? this.#appendBlockSums(x, inner) : x;
    // The bias goes into input 5: an Add after MatMulNBits is not fused by the web runtime.
    const inputs = [a, slot.name, scalesName(slot.name), '', '', ...(bias ? [bias] : [])];
    const product = this.contrib('MatMulNBits', inputs, dims, {
      K: storedWidth(inner, weightClass),
      N: features,
      bits: weightClass === 'q8' ? 8 : 4,
      block_size: QUANT_BLOCK,
    });
    if (weightClass !== 'q4k') return product;
    const offsets = this.node('MatMul', [this.#blockSums(x, inner), offsetsName(slot.name)], dims);
    return this.node('Add', [product, offsets], dims);
  }

  /** x·factor */
  times(x: Value, factor: number): Value {
    const constant = this.constant(`${x.dtype}_${factor}`, x.dtype, [1], [factor]);
    return this.node('Mul', [x, constant], x.dims);
  }

  /** The model file: data inputs first, then weights. */
  build(): Uint8Array {
    return this.encode(this.#weights);
  }

  /** [..., K] → [..., K + 2·padded]: x, then twice the block sums, for `q4m`'s offsets. */
  #appendBlockSums(x: Value, inner: number): Value {
    const known = this.#withSums.get(x.name);
    if (known) return known;
    const { blocks, padded } = offsetColumns(inner);
    const sums = [this.#blockSums(x, inner)];
    // The weights are 0 where there is no block. x is at hand to be multiplied with them, and Pad
    // does not compile in halves in Firefox 153.
    if (padded > blocks) sums.push(this.#firstColumns(x, padded - blocks));
    const dims = [...x.dims.slice(0, -1), storedWidth(inner, 'q4m')];
    const widened = this.node('Concat', [x, ...sums, ...sums], dims, { axis: -1 });
    this.#withSums.set(x.name, widened);
    return widened;
  }

  /** [..., K] → [..., count] */
  #firstColumns(x: Value, count: number): Value {
    const one = (name: string, value: number): string => this.constant(name, 'int64', [1], [value]);
    const inputs = [x, one('first_column', 0), one(`columns_${count}`, count), one('last_axis', -1)];
    return this.node('Slice', inputs, [...x.dims.slice(0, -1), count]);
  }

  /** [..., K] → [..., K/32], what an offset of a block multiplies. */
  #blockSums(x: Value, inner: number): Value {
    const known = this.#sums.get(x.name);
    if (known) return known;
    const blocks = inner / QUANT_BLOCK;
    const lead = x.dims.slice(0, -1);
    const inBlocks = this.reshape(x, [...lead.map(() => 0), blocks, QUANT_BLOCK], [...lead, blocks, QUANT_BLOCK]);
    const axis = this.constant('last_axis', 'int64', [1], [-1]);
    const sums = this.node('ReduceSum', [inBlocks, axis], [...lead, blocks], { keepdims: 0 });
    this.#sums.set(x.name, sums);
    return sums;
  }

  #slot(slot: WeightSlot, dtype: 'float32' | 'float16'): void {
    this.slots.push(slot);
    this.#weights.push(...weightInputs(slot, this.#classOf(slot), dtype));
  }

  #cast(x: Value, dtype: 'float32' | 'float16'): Value {
    return { ...this.node('Cast', [x], x.dims, { to: elementType(dtype) }), dtype };
  }
}
