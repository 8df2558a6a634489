import { BUNDLES } from './bundle.ts';
import { FILES } from './files.ts';
import { PAGE } from './page.ts';
import { REQUESTS } from './requests.ts';
import type { FuzzTarget } from './target.ts';

/** By the name that the command line takes. */
export const TARGETS: Readonly<Record<string, FuzzTarget>> = { ...FILES, ...BUNDLES, ...REQUESTS, ...PAGE };
