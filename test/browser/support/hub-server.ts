import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startHub } from '../../support/hub.ts';
import { readNodeFixture } from '../../support/node-fixtures.ts';
import { putSmallFlux } from '../../support/small-flux.ts';

/**
 * The stand-in hub as a process of its own, for pages: with the small model of `srpo-q4`. It prints
 * its addresses, and ends with its standard input, or after a `DELETE` to the control address. A
 * `POST` there sets `gated`, `gate`, `signedFor` and `limited`, and forgets the requests so far. A
 * `GET` answers with them.
 */

const hub = await startHub();
await putSmallFlux(hub, readNodeFixture);

const control = createServer(async (request, response) => {
  response.setHeader('access-control-allow-origin', '*').setHeader('access-control-allow-methods', '*');
  if (request.method === 'DELETE') process.exit();
  if (request.method === 'POST') {
    let text = '';
    for await (const piece of request) text += piece;
    const { gated = {}, ...settings } = JSON.parse(text) as Partial<Omit<typeof hub, 'gated'>> & {
      gated?: Record<string, string>;
    };
    Object.assign(hub, { limited: 0, gate: '401', signedFor: Number.POSITIVE_INFINITY }, settings);
    hub.gated = new Map(Object.entries(gated));
    hub.seen.length = 0;
  }
  response.end(JSON.stringify(hub.seen));
}).listen(0, '127.0.0.1');
await new Promise((resolve) => control.once('listening', resolve));
const { port } = control.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ endpoint: hub.endpoint, control: `http://127.0.0.1:${port}` })}\n`);
process.stdin.on('close', () => process.exit()).resume();
