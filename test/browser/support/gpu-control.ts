/** What a page and the worker for the software GPU (gpu-worker.ts) say to each other. */

/** Name of their BroadcastChannel. */
export const GPU_CONTROL = 'gpu-worker control';

/** To hang, lose or fill the GPU, or to say what is held of it. */
export type GpuOrder = 'hang' | 'lose' | 'fill' | 'count';

export interface GpuHoldings {
  devices: number;
  buffers: number;
  /** Of the buffers. */
  bytes: number;
}

/** Sabotages the GPU of the worker that runs. */
export function orderGpu(order: Exclude<GpuOrder, 'count'>): void {
  const control = new BroadcastChannel(GPU_CONTROL);
  control.postMessage(order);
  control.close();
}

/** What the worker that runs holds of the GPU. */
export async function gpuHoldings(): Promise<GpuHoldings> {
  const control = new BroadcastChannel(GPU_CONTROL);
  const answer = new Promise<GpuHoldings>((resolve) => {
    control.onmessage = ({ data }) => resolve(data);
  });
  control.postMessage('count' satisfies GpuOrder);
  return answer.finally(() => control.close());
}
