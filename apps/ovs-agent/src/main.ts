import 'reflect-metadata';
import { runAgent } from '@plumbline/node-feed/nest';
import { makeOvsHands } from './hands.js';

await runAgent({ kind: 'ovs', makeHands: makeOvsHands });
