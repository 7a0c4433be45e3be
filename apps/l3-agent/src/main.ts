import 'reflect-metadata';
import { runAgent } from '@plumbline/node-feed/nest';
import { makeL3Hands } from './hands.js';

await runAgent({ kind: 'l3', makeHands: makeL3Hands });
