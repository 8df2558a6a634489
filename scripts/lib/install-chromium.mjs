import { existsSync } from 'node:fs';
import { findChromium } from './chromium.mjs';
import { succeeds } from './process.mjs';

const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;

/**
 * Finds a Chromium that starts, and downloads one where there is none. Also sets `CHROMIUM_PATH`
 * for the tests.
 *
 * @returns {string | undefined}
 */
export function findOrInstallChromium() {
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  /** @type {(() => boolean)[]} */
  const installers = [
    () => true,
    () =>
      succeeds('node', ['node_modules/playwright/cli.js', 'install', 'chromium'], { timeoutMs: DOWNLOAD_TIMEOUT_MS }),
    () => isRootOnDebian && succeeds('apt-get', ['update']) && succeeds('apt-get', ['install', '-y', 'chromium']),
  ];
  for (const install of installers) {
    if (!install()) continue;
    const path = findChromium();
    if (path !== undefined && starts(path)) {
      process.env.CHROMIUM_PATH = path;
      return path;
    }
  }
  console.error(
    'no Chromium could be found or installed: the browser tests cannot run. Install Chromium, Chrome or Edge, or set CHROMIUM_PATH.',
  );
  return undefined;
}

/**
 * A downloaded build may lack system libraries; asking for its version shows that. (On Windows the
 * question would open a window.)
 *
 * @param {string} path
 */
function starts(path) {
  return process.platform === 'win32' || succeeds(path, ['--version'], { quiet: true });
}
