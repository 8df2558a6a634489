import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * A local stand-in of a model hub that behaves as Hugging Face's does in what matters to a client:
 * two origins, signed addresses that expire, gated repositories, rate limits, CORS.
 *
 * @see https://github.com/huggingface/huggingface_hub/blob/v1.2.3/src/huggingface_hub/file_download.py `get_hf_file_metadata`
 */
export interface HubFile {
  size: number;
  /** Bytes `start` up to `end`. */
  read(start: number, end: number): Uint8Array | Promise<Uint8Array>;
  /** Large files are kept apart, and answered with a redirect. @default true */
  isLarge?: boolean;
  /** Lower-case hex. Sparse files of many gigabytes have none. */
  sha256?: string;
}

export interface HubRequestSeen {
  host: 'hub' | 'files';
  method: string;
  path: string;
  range: string | undefined;
  authorization: string | undefined;
  status: number;
}

export interface StandInHub {
  /** For HF_ENDPOINT. */
  endpoint: string;
  /** The origin that large files come from. */
  filesOrigin: string;
  /** `owner/name/path` → file. */
  files: Map<string, HubFile>;
  /** `owner/name` → token. */
  gated: Map<string, string>;
  /** How a gated repository answers. */
  gate: '401' | '403' | 'sign-in page';
  /** Requests that a signed address serves before it expires. */
  signedFor: number;
  /** The next so many requests to the hub are answered with 429 and `Retry-After: 0`. */
  limited: number;
  /** Called before a request is answered. */
  onRequest: ((seen: Omit<HubRequestSeen, 'status'>) => void) | undefined;
  seen: HubRequestSeen[];
  close(): Promise<void>;
}

export function memoryFile(bytes: Uint8Array, isLarge = true): HubFile {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { size: bytes.length, read: (start, end) => bytes.subarray(start, end), isLarge, sha256 };
}

export async function startHub(): Promise<StandInHub> {
  /** Signature → file, and how often it may still be used. */
  const signed = new Map<string, { file: HubFile; left: number }>();
  let signatures = 0;

  const hub: StandInHub = {
    endpoint: '',
    filesOrigin: '',
    files: new Map(),
    gated: new Map(),
    gate: '401',
    signedFor: Number.POSITIVE_INFINITY,
    limited: 0,
    onRequest: undefined,
    seen: [],
    close: async () => {
      for (const server of [pages, store]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };

  const answer = (host: 'hub' | 'files', act: (request: IncomingMessage, response: ServerResponse) => void) =>
    createServer((request, response) => {
      const { method = 'GET', url: path = '/', headers } = request;
      const { range, authorization } = headers;
      const seen = { host, method, path, range, authorization };
      hub.onRequest?.(seen);
      response.once('finish', () => hub.seen.push({ ...seen, status: response.statusCode }));
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader(
        'access-control-expose-headers',
        'X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,ETag,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag',
      );
      if (method === 'OPTIONS') {
        response.setHeader('access-control-allow-headers', 'authorization,content-type,range');
        response.setHeader('access-control-allow-methods', 'GET,HEAD,OPTIONS,POST');
        response.writeHead(204).end();
        return;
      }
      act(request, response);
    });

  const pages = answer('hub', (request, response) => {
    if (hub.limited > 0) {
      hub.limited--;
      response.writeHead(429, { 'retry-after': '0' }).end('Too many requests');
      return;
    }
    const url = new URL(request.url ?? '/', hub.endpoint);
    const [, api, repository = '', revision, path = ''] =
      /^(\/api\/models)?\/([^/]+\/[^/]+)\/(?:resolve|paths-info)\/([^/]+)(?:\/(.+))?$/.exec(url.pathname) ?? [];
    const refuse = (status: number, code: string, message: string) =>
      response
        .writeHead(status, { 'x-error-code': code, 'x-error-message': message, 'content-type': 'application/json' })
        .end(JSON.stringify({ error: message }));
    if (![...hub.files.keys()].some((key) => key.startsWith(`${repository}/`))) {
      refuse(401, 'RepoNotFound', 'Invalid username or password.');
      return;
    }
    const token = hub.gated.get(repository);
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      if (hub.gate !== 'sign-in page')
        refuse(Number(hub.gate), 'GatedRepo', `Access to model ${repository} is restricted`);
      else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<h1>Log In</h1>');
      return;
    }
    if (revision !== 'main') {
      refuse(404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
      return;
    }
    if (api !== undefined) {
      void text(request).then((body) => {
        const { paths } = JSON.parse(body) as { paths: string[] };
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify(paths.flatMap((each) => pathInfo(each, hub.files.get(`${repository}/${each}`)))));
      });
      return;
    }
    const file = hub.files.get(`${repository}/${decodeURIComponent(path)}`);
    if (file === undefined) {
      refuse(404, 'EntryNotFound', 'Entry not found');
      return;
    }
    response.setHeader('x-repo-commit', 'a'.repeat(40));
    if (file.isLarge === false) {
      void send(request, response, file, `"${file.sha256?.slice(0, 40)}"`);
      return;
    }
    const signature = `${request.method}-${++signatures}`;
    signed.set(signature, { file, left: hub.signedFor });
    response.setHeader('x-linked-size', file.size);
    if (file.sha256 !== undefined) response.setHeader('x-linked-etag', `"${file.sha256}"`);
    response.writeHead(302, { location: `${hub.filesOrigin}/blob?signature=${signature}` }).end();
  });

  const store = answer('files', (request, response) => {
    const signature = new URL(request.url ?? '/', hub.filesOrigin).searchParams.get('signature') ?? '';
    const found = signed.get(signature);
    // An address that is signed for GET is not for HEAD.
    if (found === undefined || found.left <= 0 || !signature.startsWith(`${request.method}-`)) {
      response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>');
      return;
    }
    found.left--;
    // Not the file's SHA-256: each store has tags of its own.
    void send(request, response, found.file, `"store-${found.file.size}"`);
  });

  hub.endpoint = await listen(pages, '127.0.0.1');
  // Another port is another origin.
  hub.filesOrigin = await listen(store, '127.0.0.1');
  return hub;
}

/** @see https://github.com/huggingface/huggingface.js/blob/1686d8ba9fe411752467bc0a80cc555b0e0d7f64/packages/hub/src/lib/paths-info.ts `PathInfo` */
function pathInfo(path: string, file: HubFile | undefined): object[] {
  if (file === undefined) return [];
  const { size, sha256, isLarge } = file;
  const lfs = isLarge === false || sha256 === undefined ? {} : { lfs: { oid: sha256, size, pointerSize: 135 } };
  return [{ type: 'file', path, size, oid: 'c'.repeat(40), ...lfs }];
}

async function send(request: IncomingMessage, response: ServerResponse, file: HubFile, etag: string): Promise<void> {
  response.setHeader('etag', etag);
  response.setHeader('accept-ranges', 'bytes');
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const start = match === null ? 0 : Number(match[1]);
  const end = match === null ? file.size : Math.min(Number(match[2]) + 1, file.size);
  if (match !== null && start >= file.size) {
    response.writeHead(416, { 'content-range': `bytes */${file.size}` }).end();
    return;
  }
  const bytes = request.method === 'HEAD' ? undefined : await file.read(start, end);
  if (match !== null) response.setHeader('content-range', `bytes ${start}-${end - 1}/${file.size}`);
  response.writeHead(match === null ? 200 : 206, { 'content-length': end - start }).end(bytes);
}

async function listen(server: Server, host: string): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}
