/** Runs rebuild() on the node it is started in: `rebuild-child.mjs <view file> <ovsdb> <run dir>`. Prints one line of JSON. */
import { readFileSync } from 'node:fs';
import { nodeDns, rebuild } from '@plumbline/node-agents';
import { emptyView, fold } from '@plumbline/topology';

const [file, ovsdb, runDir] = process.argv.slice(2);
const message = JSON.parse(readFileSync(file, 'utf8'));
const view = emptyView(message.host);
fold(view, message);
const start = performance.now();
const { applied, failed } = await rebuild(view, {
  ...{ ovsdb, runDir, datapathType: 'netdev' },
  ...{ firewall: 'none', foreignPorts: [], answersMetadata: false, dns: nodeDns({}) },
});
const rebuildMs = performance.now() - start;
process.stdout.write(`${JSON.stringify({ rebuildMs, applied, failed })}\n`);
