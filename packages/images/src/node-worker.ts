import { parentPort, workerData } from 'node:worker_threads';
import { toWireError } from '@flux-srpo/core';
import { probeAdapter } from '@flux-srpo/runtime';
import { installDawn, nodeVerdictStore } from '@flux-srpo/runtime/node';
import type { Endpoint } from 'comlink';
import { type AdapterAnswer, nodeHome } from './node/node-home.ts';
import type { ThreadData } from './node/thread.ts';
import { createHost } from './worker/host.ts';
import { connectToPage } from './worker/protocol.ts';

/** The module of the thread in Node: all computing happens behind this line. */
const { task } = workerData as ThreadData;
if (task === 'compute') {
  const options = {
    openFiles: nodeHome.openFiles,
    installGpu: installDawn,
    selfTest: { store: nodeVerdictStore() },
  };
  connectToPage((page) => createHost(page, options), parentPort as unknown as Endpoint);
} else {
  parentPort!.postMessage(await describeAdapter());
}

async function describeAdapter(): Promise<AdapterAnswer> {
  try {
    await installDawn();
    return { report: await probeAdapter() };
  } catch (error) {
    return { error: toWireError(error) };
  }
}
