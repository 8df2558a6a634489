import { once } from 'node:events';
import { inspect } from 'node:util';
import { isFluxError, toWireError } from '@flux-srpo/core';
import type { ImageRequest } from 'flux-srpo';
import { createRemote, type RemoteOptions } from 'flux-srpo/remote';
import { describe, expect, it } from 'vitest';
import { CANARY, HOSTILE, OK } from './remote-hostile.ts';
import { json, startServer } from './remote-server.ts';
