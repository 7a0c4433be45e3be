/** The supervisor as a process: `node supervisor-main.js <state folder>`. SIGTERM stops all units, then itself. */
import { Supervisor } from './supervisor.js';

const stateDir = process.argv[2];
if (stateDir === undefined) throw new Error('usage: supervisor-main.js <state folder>');

const supervisor = new Supervisor(stateDir);
let stopping = false;
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    if (stopping) return;
    stopping = true;
    void supervisor.stop().then(() => process.exit(0));
  });
}
process.on('SIGHUP', () => {});
await supervisor.start();
