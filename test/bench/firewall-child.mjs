/**
 * The agent after a restart with nothing changed: `firewall-child.mjs <ovsdb> <run dir> <groups as JSON>`, on a switch that is as the view wants it. Prints one line
 * of JSON: what was changed, milliseconds since the process began, and resident memory at rest, with all code of the OVS
 * agent loaded.
 */
import '@plumbline/agent-runtime/small-heap';
import { readFileSync } from 'node:fs';

await import('reflect-metadata');
await import('@plumbline/agent-runtime/nest');
await import('@plumbline/node-agents/ovs');
const { Spawner } = await import('@plumbline/exec');
const { OvsConverger } = await import('@plumbline/ovs-core');
const { SwitchDriver } = await import('@plumbline/ovs-driver');
const { OvsdbClient, OvsdbMirror } = await import('@plumbline/ovsdb');
const { CONFIG, Groups } = await import('./firewall-groups.mjs');

const REST_MS = 10_000;
const [ovsdb, runDir, of] = process.argv.slice(2);
const { view } = new Groups(JSON.parse(of));
const runner = new Spawner();
const client = await OvsdbClient.connect(ovsdb);
const mirror = await OvsdbMirror.open(client);
const driver = new SwitchDriver(mirror, runner, { runDir });
const converger = new OvsConverger(driver, () => CONFIG);
const { applied, drift, failed } = await converger.converge(view, { touched: 'all', mayRemove: true });
if (failed.length > 0) throw new Error(JSON.stringify(failed.slice(0, 3)));
const ms = performance.now();
// At rest: V8 gives back what the check needed.
await new Promise((resolve) => setTimeout(resolve, REST_MS));
const rssOf = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const helpers = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');
const rssMb = [process.pid, ...helpers.filter(Boolean)].reduce((sum, pid) => sum + rssOf(pid), 0);
process.stdout.write(`${JSON.stringify({ applied, drift, ms, rssMb })}\n`);
driver.close();
mirror.close();
client.close();
await runner.close();
