import { describe, expect, it } from 'vitest';

describe('the test browser', () => {
  it('has a WebGPU adapter, so that the WebGPU tests below really run', async () => {
    const adapter = await navigator.gpu.requestAdapter();
    expect(adapter).not.toBeNull();
    console.info(`adapter: ${adapter?.info.vendor} ${adapter?.info.architecture} ${adapter?.info.description}`);
  });
});
