import { Tensor } from 'onnxruntime-common';
import { describe, expect, it } from 'vitest';
import { createCpuMemory } from './cpu-memory.ts';
import type { OrtModule } from './memory.ts';

const memory = () => createCpuMemory({ Tensor } as OrtModule, {});
const upload = async (into: ReturnType<typeof memory>, values: readonly number[]) => {
  const bytes = new Uint8Array(new Float32Array(values).buffer);
  const allocation = await into.upload('float32', [values.length], async (write) => write(0, bytes));
  return { ...allocation, data: allocation.tensor.data as Float32Array };
};

describe('memory of tensors on the CPU', () => {
  it('is used again once it was freed, by a tensor of the same size, and by one at a time', async () => {
    const cpu = memory();
    const first = await upload(cpu, [1, 2, 3]);
    first.free();
    const [second, third, longer] = [
      await upload(cpu, [4, 5, 6]),
      await upload(cpu, [7, 8, 9]),
      await upload(cpu, [1, 2, 3, 4]),
    ];
    expect(second.data.buffer).toBe(first.data.buffer);
    expect(new Set([second, third, longer].map(({ data }) => data.buffer)).size).toBe(3);
    expect([...second.data, ...third.data, ...longer.data]).toEqual([4, 5, 6, 7, 8, 9, 1, 2, 3, 4]);
  });

  it('is not that of a tensor that lives', async () => {
    const cpu = memory();
    const [first, second] = [await upload(cpu, [1, 2]), await upload(cpu, [3, 4])];
    expect(first.data.buffer).not.toBe(second.data.buffer);
    expect([...first.data]).toEqual([1, 2]);
  });

  it('is kept up to a bound', async () => {
    const cpu = memory();
    const large = () => cpu.upload('uint8', [100_000_000], async () => undefined);
    const [first, second] = [await large(), await large()];
    first.free();
    second.free();
    const buffers = [await large(), await large()].map(({ tensor }) => (tensor.data as Uint8Array).buffer);
    expect(buffers[0]).toBe((first.tensor.data as Uint8Array).buffer);
    expect(buffers[1]).not.toBe((second.tensor.data as Uint8Array).buffer);
  });
});
