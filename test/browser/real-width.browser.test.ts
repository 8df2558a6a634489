import { createWebGpuBackend } from '@flux-srpo/runtime';
import { expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { type RealBlock, runRealBlock } from './support/real-width.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    runRealBlockInNode(block: RealBlock): Promise<Record<string, string>>;
  }
}

/**
 * Two float32 implementations add 3072 to 12288 products in different orders. Each linear is off by
 * up to about √K·ε ≈ 1e-5 of its size, and a block has five in a row.
 */
const TOLERANCE = 1e-4;

function floats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
}

// Oracle: onnxruntime-node (CPU) on the same graph, weights and inputs.
it.each<RealBlock>(['double_block', 'single_block'])(
  'runs a %s of FLUX.1 width on WebGPU as onnxruntime-node does',
  async (block) => {
    const inNode = commands.runRealBlockInNode(block);
    // Other tests cover the self-test.
    const backend = await createWebGpuBackend({ selfTest: false });
    try {
      const stage = await backend.openStage('real width');
      const outputs = await runRealBlock(stage, block);
      const { peakBytes, peakWeightBytes } = backend.ledger.snapshot();
      console.log(`${block}: ${peakBytes} GPU bytes at peak, ${peakWeightBytes} of them weights`);
      const expected = await inNode;
      expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, actual] of Object.entries(outputs)) {
        const wanted = floats(expected[name] as string);
        expect(actual.length).toBe(wanted.length);
        let worst = 0;
        for (const [i, x] of wanted.entries())
          worst = Math.max(worst, Math.abs((actual[i] as number) - x) / (1 + Math.abs(x)));
        console.log(`${block} ${name}: max |Δ| / (1 + |x|) = ${worst.toExponential(2)}`);
        expect(worst).toBeLessThan(TOLERANCE);
        expect(Math.max(...wanted.slice(0, 1000).map(Math.abs))).toBeGreaterThan(0.1);
      }
    } finally {
      await backend.dispose();
    }
  },
);
