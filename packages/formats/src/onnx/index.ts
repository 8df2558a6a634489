/** The ONNX file format: graphs as plain data to `.onnx` bytes, and back as protobuf messages. */
export { withAccuracyLevel } from './accuracy-level.ts';
export {
  type Attributes,
  type ElementType,
  elementType,
  encodeGraph,
  type GraphNode,
  type TensorInit,
  type ValueInfo,
} from './encode-graph.ts';
export { type FixedInput, fixInputs } from './fix-inputs.ts';
export { CONTRIB_DOMAIN, decodeModel, encodeModel } from './model.ts';
export type { GraphProto } from './onnx_pb.ts';
export { type WideLayer, withWideBlocks } from './wide-blocks.ts';
