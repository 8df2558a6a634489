import { startWorker } from '../../../packages/images/src/worker/start-worker.ts';

/*
 * The library's own worker with three changes. It does not test the software GPU's kernels at each
 * start, which would take half a minute. It counts what it holds of the GPU. It hangs, loses or
 * fills the GPU when a message tells it to: a hung GPU takes work and answers nothing, a full one
 * refuses every further buffer.
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

addEventListener('message', ({ data }) => {
  if (data?.sabotage === 'hang-gpu') isHung = true;
  if (data?.sabotage === 'fill-gpu') isFull = true;
  if (data?.sabotage === 'lose-gpu') for (const device of devices) destroyDevice.call(device);
});
startWorker({ selfTest: false });
