import { DeviceError } from '@flux-srpo/core';

/**
 * Models run in workers of a page. A client may be made elsewhere, as while a server renders the
 * page; its first use comes here.
 *
 * @throws DeviceError in Node, Deno, Bun, and browsers without web workers
 */
export function assertPage(): void {
  if (typeof Worker !== 'undefined' && globalThis.location !== undefined) return;
  throw new DeviceError(
    'a model runs in a web worker of a page, and here is no page or no worker (Node, or a server that renders the page); make the first call in the browser, as in an effect, or compute in Node with flux-srpo/node',
    { code: 'device/feature-missing', details: { feature: 'Worker' } },
  );
}
