import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { succeeds } from './process.mjs';

/** The browsers of the tier `browsers` besides Chromium, and how Debian installs them. */

/** Where Debian and others put WebKitGTK's small browser, which is on no PATH. */
const MINI_BROWSERS = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '']
  .flatMap((triplet) => ['lib', 'libexec'].map((folder) => join('/usr', folder, triplet)))
  .flatMap((folder) =>
    ['webkit2gtk-4.1', 'webkitgtk-6.0', 'webkit2gtk-4.0'].map((name) => join(folder, name, 'MiniBrowser')),
  );

/** @returns {string | undefined} path of a Firefox that speaks WebDriver BiDi */
export function findFirefox() {
  return process.env.FIREFOX_PATH ?? onPath('firefox-esr') ?? onPath('firefox');
}

/**
 * WebKitGTK's driver, the browser that it drives, and, without a display, a server that stands in
 * for one.
 *
 * @returns {{ driver: string, browser: string, xvfb: string | undefined } | undefined}
 */
export function findWebKit() {
  const driver = onPath('WebKitWebDriver');
  const browser = MINI_BROWSERS.find((path) => existsSync(path));
  const xvfb = onPath('Xvfb');
  if (driver === undefined || browser === undefined) return undefined;
  if (xvfb === undefined && process.env.DISPLAY === undefined) return undefined;
  return { driver, browser, xvfb };
}

/**
 * Installs what is missing where that needs no question: as root on Debian. Elsewhere the tests of
 * the missing browser are skipped.
 */
export function installBrowsers() {
  /** @type {string[]} */
  const missing = [];
  if (findFirefox() === undefined) missing.push('firefox-esr');
  if (findWebKit() === undefined) missing.push('webkit2gtk-driver', 'xvfb');
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  if (succeeds('apt-get', install, { quiet: true })) return;
  if (succeeds('apt-get', ['update'], { quiet: true })) succeeds('apt-get', install, { quiet: true });
}

/**
 * @param {string} name
 * @returns {string | undefined}
 */
function onPath(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
