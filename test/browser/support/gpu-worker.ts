import { startWorker } from '../../../packages/images/src/worker/start-worker.ts';
import { GPU_CONTROL, type GpuHoldings, type GpuOrder } from './gpu-control.ts';

/*
 * The library's own worker with three changes. It does not test the software GPU's kernels at each
 * start, which would take half a minute. It counts what it holds of the GPU. It hangs, loses or
 * fills the GPU when it is told to: a hung GPU takes work and answers nothing, a full one refuses
 * every further buffer.
 */

/**
 * Posts how many devices, and buffers on them, are left when a device goes. A page may hear this
 * after it terminated the worker.
 */
const channel = new BroadcastChannel('gpu-worker');
const buffers = new Map<GPUBuffer, GPUDevice>();
const devices = new Set<GPUDevice>();
/** What the open error scopes hear of. */
const scopes: GPUErrorFilter[] = [];
let isHung = false;
let isFull = false;

const { requestDevice } = GPUAdapter.prototype;
const { createBuffer, destroy: destroyDevice, popErrorScope, pushErrorScope } = GPUDevice.prototype;
const { destroy: destroyBuffer, mapAsync } = GPUBuffer.prototype;
const { onSubmittedWorkDone } = GPUQueue.prototype;

GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  devices.add(device);
  return device;
};
GPUDevice.prototype.createBuffer = function (...args) {
  const buffer = createBuffer.apply(this, args);
  buffers.set(buffer, this);
  return buffer;
};
GPUDevice.prototype.pushErrorScope = function (filter) {
  scopes.push(filter);
  return pushErrorScope.call(this, filter);
};
GPUDevice.prototype.popErrorScope = async function () {
  const filter = scopes.pop();
  const error = await popErrorScope.apply(this);
  return isFull && filter === 'out-of-memory' ? new GPUOutOfMemoryError('planted') : error;
};
GPUBuffer.prototype.destroy = function () {
  buffers.delete(this);
  return destroyBuffer.apply(this);
};
GPUDevice.prototype.destroy = function () {
  devices.delete(this);
  // Destroying a device destroys its buffers.
  for (const [buffer, device] of buffers) if (device === this) buffers.delete(buffer);
  channel.postMessage({ devices: devices.size, buffers: buffers.size });
  return destroyDevice.apply(this);
};
GPUBuffer.prototype.mapAsync = function (...args) {
  return isHung ? new Promise(() => undefined) : mapAsync.apply(this, args);
};
GPUQueue.prototype.onSubmittedWorkDone = function () {
  return isHung ? new Promise(() => undefined) : onSubmittedWorkDone.apply(this);
};

const control = new BroadcastChannel(GPU_CONTROL);
control.addEventListener('message', ({ data }: MessageEvent<GpuOrder>) => {
  if (data === 'hang') isHung = true;
  if (data === 'fill') isFull = true;
  if (data === 'lose') for (const device of devices) destroyDevice.call(device);
  if (data !== 'count') return;
  const bytes = [...buffers.keys()].reduce((sum, { size }) => sum + size, 0);
  control.postMessage({ devices: devices.size, buffers: buffers.size, bytes } satisfies GpuHoldings);
});
startWorker({ selfTest: false });
