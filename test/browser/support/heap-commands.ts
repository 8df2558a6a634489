import type { BrowserCommand } from 'vitest/node';

/** A worker that is attached to: a session of its own within the page's. */
interface Attached {
  sessionId: string;
  targetInfo: { type: string };
}

/**
 * Bytes that the tested page and its workers hold after their garbage is collected: objects, and
 * the memory behind array buffers.
 */
export const usedHeap: BrowserCommand<[]> = async ({ page }) => {
  const session = await page.context().newCDPSession(page);
  const workers: string[] = [];
  const answers = new Map<string, (result: HeapUsage) => void>();
  session.on('Target.attachedToTarget', ({ sessionId, targetInfo }: Attached) => {
    if (targetInfo.type === 'worker') workers.push(sessionId);
  });
  session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result: HeapUsage };
    if (id === ASK) answers.get(sessionId)?.(result);
  });
  // Not flattened, because Playwright sends nothing to sessions that it has not made.
  await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const ofWorkers = workers.map(async (sessionId) => {
    const answer = new Promise<HeapUsage>((resolve) => answers.set(sessionId, resolve));
    for (const [id, method] of [
      [COLLECT, 'HeapProfiler.collectGarbage'] as const,
      [ASK, 'Runtime.getHeapUsage'] as const,
    ])
      await session.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method }) });
    return answer;
  });
  await session.send('HeapProfiler.collectGarbage');
  const usages = [(await session.send('Runtime.getHeapUsage')) as HeapUsage, ...(await Promise.all(ofWorkers))];
  await session.detach();
  return usages.reduce((sum, { usedSize, backingStorageSize }) => sum + usedSize + backingStorageSize, 0);
};

const COLLECT = 1;
const ASK = 2;

/** @see https://chromedevtools.github.io/devtools-protocol/tot/Runtime/#method-getHeapUsage */
interface HeapUsage {
  usedSize: number;
  backingStorageSize: number;
}
