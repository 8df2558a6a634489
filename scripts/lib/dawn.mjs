import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, succeeds } from './process.mjs';

/**
 * Dawn, Chromium's WebGPU, for Node. The package has 130 MB for five platforms, too much for a
 * dependency: what needs it downloads it once.
 */
const FOLDER = '.cache/webgpu';
const ARGUMENTS = ['install', '--no-save', '--prefix', FOLDER, 'webgpu@0.6.2'];

/** The package's module, whether it is installed or not. */
export const DAWN = join(ROOT, FOLDER, 'node_modules/webgpu/index.js');

/** What to do by hand where it is missing. */
export const INSTALL_DAWN = `npm ${ARGUMENTS.join(' ')}`;

/**
 * Installs the package where it is missing.
 *
 * @returns {boolean} whether it is there now
 */
export function downloadDawn() {
  return existsSync(DAWN) || succeeds('npm', ARGUMENTS, { quiet: true });
}
