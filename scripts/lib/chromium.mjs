import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * Flags for a headless Chromium with WebGPU on any machine. SwiftShader is Chromium's own software
 * adapter, so that numbers do not depend on the machine's GPU. `WEBGPU_ADAPTER=default` uses the
 * machine's own adapter instead.
 */
export const CHROMIUM_ARGS = [
  '--enable-unsafe-webgpu',
  ...(process.env.WEBGPU_ADAPTER === 'default' ? [] : ['--use-webgpu-adapter=swiftshader']),
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A start takes a second; on a machine that much else keeps busy, minutes. */
const LAUNCH_MS = 5 * 60_000;

/**
 * Options of Playwright that start this Chromium.
 *
 * @param {string[]} [args]
 */
export function chromiumOptions(args = CHROMIUM_ARGS) {
  const executablePath = findChromium();
  return { args, timeout: LAUNCH_MS, ...(executablePath === undefined ? {} : { executablePath }) };
}

const NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  'microsoft-edge',
  'msedge',
];

/**
 * Where installers put the browsers on macOS and Windows. Elsewhere they are on the PATH.
 *
 * @type {Partial<Record<NodeJS.Platform, string[]>>}
 */
const FIXED_PATHS = {
  darwin: [
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ],
  win32: ['ProgramFiles', 'ProgramFiles(x86)', 'LOCALAPPDATA'].flatMap((root) => [
    join(process.env[root] ?? '', 'Google', 'Chrome', 'Application', 'chrome.exe'),
    join(process.env[root] ?? '', 'Microsoft', 'Edge', 'Application', 'msedge.exe'),
  ]),
};

/**
 * Finds a Chromium-like browser: the one that `CHROMIUM_PATH` names, else Playwright's own
 * download, else the system's.
 *
 * @returns {string | undefined} path of the executable
 */
export function findChromium() {
  const named = process.env.CHROMIUM_PATH ?? process.env.PLAYWRIGHT_CHROMIUM_EXECUTABLE_PATH;
  if (named) return named;
  return [...playwrightBuilds(), ...onPath(), ...(FIXED_PATHS[process.platform] ?? [])].find((path) =>
    existsSync(path),
  );
}

/** @returns {string[]} newest first */
function playwrightBuilds() {
  /** @type {Partial<Record<NodeJS.Platform, string>>} */
  const caches = {
    darwin: join(homedir(), 'Library', 'Caches', 'ms-playwright'),
    win32: join(process.env.LOCALAPPDATA ?? '', 'ms-playwright'),
  };
  const cache =
    process.env.PLAYWRIGHT_BROWSERS_PATH ?? caches[process.platform] ?? join(homedir(), '.cache', 'ms-playwright');
  if (!existsSync(cache)) return [];
  const inside = [
    ['chrome-linux', 'chrome'],
    ['chrome-linux64', 'chrome'],
    ['chrome-mac', 'Chromium.app', 'Contents', 'MacOS', 'Chromium'],
    ['chrome-mac-arm64', 'Google Chrome for Testing.app', 'Contents', 'MacOS', 'Google Chrome for Testing'],
    ['chrome-win', 'chrome.exe'],
    ['chrome-win64', 'chrome.exe'],
  ];
  return readdirSync(cache)
    .filter((name) => /^chromium-\d+$/.test(name))
    .sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)))
    .flatMap((name) => inside.map((parts) => join(cache, name, ...parts)));
}

/** @returns {string[]} */
function onPath() {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name + suffix)));
}
