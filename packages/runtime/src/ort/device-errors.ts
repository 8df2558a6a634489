import { DeviceError } from '@flux-srpo/core';

export function limitTooSmall(limit: string, needed: number, offered: number): DeviceError {
  return new DeviceError(`the GPU's ${limit} must be at least ${needed}, got ${offered}`, {
    code: 'device/limit-too-small',
    details: { limit, needed, offered },
  });
}

export function outOfMemory(message: string, details = {}): DeviceError {
  return new DeviceError(`the GPU is out of memory: ${message}`, { code: 'device/out-of-memory', details });
}
