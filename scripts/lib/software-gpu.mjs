import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './process.mjs';

/**
 * A software GPU with what real ones have: `shader-f16`, subgroups of 4, 8 or 16 lanes and, from 8
 * lanes on, subgroup matrices. It is lavapipe of Mesa 26 or later, which the releases of Debian and
 * Ubuntu do not have yet, so it comes from Debian unstable. Packages are unpacked beside the
 * system, never installed: Node is started by the unpacked C library, and nobody has to be root.
 */

/** Subgroup sizes that the adapter can have: what real GPUs have is 8, 16 and more. */
export const LANES = [4, 8, 16];

/** Raise it to fetch a newer Mesa where one is cached already. */
const VERSION = 1;

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flux-srpo');
const HOME = join(CACHE, `software-gpu-${VERSION}`);
const LIBRARIES = 'root/usr/lib/x86_64-linux-gnu';
const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const SUITE = 'sid';

const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
const CHECK_TIMEOUT_MS = 60_000;

/**
 * Sets the adapter up where it is missing: 80 MB are downloaded once, 350 MB stay in the cache.
 *
 * @returns {string | undefined} why there is none, or undefined
 */
export function setUpSoftwareGpu() {
  if (existsSync(HOME)) return undefined;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `it needs Linux on x64, this is ${process.platform} on ${process.arch}`;
  for (const tool of ['/usr/bin/apt-get', '/usr/bin/dpkg-deb'])
    if (!existsSync(tool)) return `it comes as Debian packages, and this machine has no ${tool}`;
  if (!existsSync(KEYRING)) return `${KEYRING} is missing: apt-get install debian-archive-keyring`;
  console.log('setting up a software GPU (Mesa from Debian unstable, once)');
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'unfinished-'));
  try {
    const problem = download(folder) ?? unpack(folder);
    if (problem === undefined && !existsSync(HOME)) renameSync(folder, HOME);
    return problem;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Asks the adapter what it is: a driver that does not start is known before tests run on it.
 *
 * @param {number} lanes
 * @returns {string | undefined} why it cannot be used, or undefined
 */
export function checkSoftwareGpu(lanes) {
  const { command, env } = onSoftwareGpu(lanes);
  const { status, signal, stdout, stderr } = spawnSync(command, ['scripts/lib/print-adapter.mjs'], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
    timeout: CHECK_TIMEOUT_MS,
  });
  const line = stdout?.trim().split('\n').at(-1);
  if (status !== 0 || !line?.startsWith('{'))
    return `its driver does not start (${signal ?? status}): ${lastLine(stderr)}`;
  const { description, subgroupMinSize, features } = JSON.parse(line);
  if (subgroupMinSize !== lanes) return `${description} has subgroups of ${subgroupMinSize} lanes`;
  if (!features.includes('shader-f16')) return `${description} has no shader-f16`;
  return undefined;
}

/**
 * How to start Node on the adapter.
 *
 * @param {number} lanes
 * @returns {{ command: string, env: NodeJS.ProcessEnv }}
 */
export function onSoftwareGpu(lanes) {
  return {
    command: join(HOME, 'node'),
    env: {
      ...process.env,
      SOFTWARE_GPU_LANES: String(lanes),
      SOFTWARE_GPU_NODE: process.env.SOFTWARE_GPU_NODE ?? process.execPath,
      // The width of lavapipe's vectors in bits, 32 a lane.
      LP_NATIVE_VECTOR_WIDTH: String(32 * lanes),
      VK_DRIVER_FILES: join(HOME, 'lavapipe.json'),
      // Shaders take minutes to compile, and a second to find again.
      MESA_SHADER_CACHE_DIR: join(HOME, 'shaders'),
      MESA_SHADER_CACHE_MAX_SIZE: '1G',
    },
  };
}

/**
 * The packages and all they need, chosen by apt with lists of its own and as if nothing were
 * installed. Signatures are checked.
 *
 * @param {string} folder
 */
function download(folder) {
  const apt = join(folder, 'apt');
  for (const needed of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, needed), { recursive: true });
  writeFileSync(join(apt, 'status'), '');
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=${KEYRING}] ${debianMirror()} ${SUITE} main\n`);
  const settings = {
    'Dir::Etc::SourceList': join(apt, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State': apt,
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': apt,
    'APT::Architecture': 'amd64',
    'APT::Architectures': 'amd64',
    'APT::Install-Recommends': 'false',
    // Files are written by whoever runs this, not by apt's own user.
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  // A list that cannot be fetched is only a warning to `update`: the install then fails.
  return (
    tool('apt-get', [...options, '-q', 'update']) ??
    tool('apt-get', [...options, '-q', '-y', '--download-only', 'install', ...PACKAGES])
  );
}

/** The mirror that this machine's apt uses, or Debian's own. */
function debianMirror() {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(ORIGIN) $(SITE)', 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  return /^Debian (\S+\/debian)\/?$/m.exec(stdout ?? '')?.[1] ?? 'http://deb.debian.org/debian';
}

/** @param {string} folder */
function unpack(folder) {
  const archives = join(folder, 'apt/archives');
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
    const problem = tool('dpkg-deb', ['-x', join(archives, file), join(folder, 'root')]);
    if (problem !== undefined) return problem;
  }
  rmSync(join(folder, 'apt'), { recursive: true });
  writeFileSync(
    join(folder, 'lavapipe.json'),
    JSON.stringify({
      file_format_version: '1.0.1',
      ICD: { library_path: join(HOME, LIBRARIES, 'libvulkan_lvp.so'), api_version: '1.4.0' },
    }),
  );
  const libraries = join(HOME, LIBRARIES);
  const preload = pathToFileURL(join(HOME, 'exec-path.mjs'));
  // Node would take the loader for itself, and start it in place of a child.
  writeFileSync(join(folder, 'exec-path.mjs'), `process.execPath = ${JSON.stringify(join(HOME, 'node'))};\n`);
  writeFileSync(
    join(folder, 'node'),
    `#!/bin/sh
exec '${libraries}/ld-linux-x86-64.so.2' --library-path '${libraries}' "$SOFTWARE_GPU_NODE" --import '${preload}' "$@"
`,
  );
  chmodSync(join(folder, 'node'), 0o755);
  return undefined;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {string | undefined} what went wrong
 */
function tool(command, args) {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: DOWNLOAD_TIMEOUT_MS });
  return status === 0 ? undefined : `${command} failed: ${error?.message ?? lastLine(stderr)}`;
}

/** @param {string} [text] */
function lastLine(text) {
  return text?.trim().split('\n').at(-1) || 'no message';
}
