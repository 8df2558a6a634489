import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkSoftwareGpu, onSoftwareGpu, setUpSoftwareGpu } from '../../scripts/lib/software-gpu.mjs';

/**
 * `node bench/gpu/rehearse.mjs <archive> [lanes] [options of the bench]`: runs the archive as a
 * bare machine would, small, on the software GPU of the tests: without a network, without a PATH,
 * in an empty folder. Needs root, or namespaces that users may make.
 */

const [archive = '', lanes = '8', ...options] = process.argv.slice(2);
const missing = setUpSoftwareGpu() ?? checkSoftwareGpu(Number(lanes));
if (missing !== undefined) throw new Error(`there is no software GPU with ${lanes} lanes: ${missing}`);
const folder = mkdtempSync(join(tmpdir(), 'flux-srpo-rehearsal-'));
try {
  const unpacked = spawnSync('tar', ['xf', resolve(archive), '-C', folder], { stdio: 'inherit' });
  if (unpacked.status !== 0) throw new Error(`${archive} could not be unpacked`);
  const top = join(folder, 'flux-srpo-gpu-bench');
  const { command, env } = onSoftwareGpu(Number(lanes));
  // By its whole path: the PATH below is what would be searched.
  const { status, error } = spawnSync(
    '/usr/bin/unshare',
    ['--map-root-user', '--net', join(top, 'run'), '--small', ...options],
    {
      cwd: folder,
      stdio: 'inherit',
      env: {
        // Nothing of this machine but where the driver is, and the C library that it needs.
        ...Object.fromEntries(Object.entries(env).filter(([name]) => /^(LP|VK|MESA|SOFTWARE_GPU)_/.test(name))),
        SOFTWARE_GPU_NODE: join(top, 'files/node'),
        FLUX_SRPO_NODE: command,
        PATH: '/nonexistent',
      },
    },
  );
  if (error !== undefined) throw error;
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
