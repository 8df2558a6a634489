import { startWorker } from '../../../packages/images/src/worker/start-worker.ts';

/*
 * The library's worker as it is, but: the kernels of the software GPU are not tested at each start, which takes half a minute; what it
 * holds of the GPU is counted; and the GPU hangs when a message says so. A hung GPU takes work and gives nothing back.
 */

/** Tells how many devices, and buffers of theirs, are left when a device goes. A page may have terminated the worker when it hears. */
const channel = new BroadcastChannel('gpu-worker');
const buffers = new Map<GPUBuffer, GPUDevice>();
const devices = new Set<GPUDevice>();
let isHung = false;

const { requestDevice } = GPUAdapter.prototype;
const { createBuffer, destroy: destroyDevice } = GPUDevice.prototype;
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
GPUBuffer.prototype.destroy = function () {
  buffers.delete(this);
  return destroyBuffer.apply(this);
};
GPUDevice.prototype.destroy = function () {
  devices.delete(this);
  // A device takes its buffers along.
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
});
startWorker({ selfTest: false });
