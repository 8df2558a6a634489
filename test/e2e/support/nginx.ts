import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { freePort } from '../../support/free-port.ts';

/** Why nginx cannot be run here; nothing where it can. */
export function nginxIsMissing(): string | undefined {
  return spawnSync('nginx', ['-v']).error === undefined ? undefined : 'nginx is not installed';
}

/**
 * Runs nginx with these directives until the test has finished.
 *
 * @param http what stands in `http`
 * @param server what stands in its one `server`
 * @returns its address
 */
export async function startNginx(http: string, server: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-nginx-'));
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const config = `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
events {}
http { access_log off; ${paths.join(' ')}
${http}
server { listen 127.0.0.1:${port};
${server}
} }`;
  await writeFile(join(folder, 'nginx.conf'), config);
  const child: ChildProcess = spawn('nginx', ['-c', join(folder, 'nginx.conf')]);
  let said = '';
  child.stderr?.on('data', (data) => {
    said += data;
  });
  onTestFinished(async () => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}/`;
  while ((await fetch(url).catch(() => undefined)) === undefined) {
    if (child.exitCode !== null) throw new Error(`nginx must answer, said: ${said}`);
    await sleep(50);
  }
  return url;
}
