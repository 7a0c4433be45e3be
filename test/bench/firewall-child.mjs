/**
 * The agent after a restart with nothing changed: `firewall-child.mjs <ovsdb> <run dir> <groups as JSON> [stay]`, on a switch that is as the view wants it, with all
 * code of the OVS agent loaded. Prints one line of JSON: what was changed, milliseconds since the process began, and resident memory at rest. With `stay`: prints
 * `ready` instead when the switch is as wanted, and goes on as an agent does, by the news of its switch, until it is killed.
 */
import '@plumbline/agent-runtime/small-heap';
import { readFileSync } from 'node:fs';

await import('reflect-metadata');
await import('@plumbline/agent-runtime/nest');
await import('@plumbline/node-agents/ovs');
const { Spawner } = await import('@plumbline/exec');
const { OvsConverger } = await import('@plumbline/ovs-core');
const { concernedBy, SwitchDriver } = await import('@plumbline/ovs-driver');
const { OvsdbClient, OvsdbMirror } = await import('@plumbline/ovsdb');
const { CONFIG, Groups } = await import('./firewall-groups.mjs');

const REST_MS = 10_000;
const RETRY_MS = 250;
const [ovsdb, runDir, of, stay] = process.argv.slice(2);
const { view } = new Groups(JSON.parse(of));
const runner = new Spawner();
const client = await OvsdbClient.connect(ovsdb);
const mirror = await OvsdbMirror.open(client);
const driver = new SwitchDriver(mirror, runner, { runDir });
const converger = new OvsConverger(driver, () => CONFIG);
async function look(touched) {
  const result = await converger.converge(view, { touched, mayRemove: true });
  if (result.failed.length > 0) throw new Error(JSON.stringify(result.failed.slice(0, 3)));
  return result;
}

/** One look after another, as an agent's; what is heard meanwhile, or could not be done, is in the next one. Calls `first` when the first one is done. */
async function lookAtNews(first) {
  const marked = new Set(view.objects.keys());
  let wake = () => undefined;
  driver.onNews((news) => {
    const concerned = concernedBy(news, view.host);
    for (const key of concerned === 'all' ? view.objects.keys() : concerned) marked.add(key);
    if (marked.size > 0 && news.reason !== 'switch-lost') wake();
  });
  for (let told = false; ; told = true) {
    while (marked.size > 0) {
      const touched = new Set(marked);
      marked.clear();
      try {
        await look(touched);
      } catch (error) {
        console.error(error.message);
        for (const key of touched) marked.add(key);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    if (!told) first();
    await new Promise((resolve) => (wake = resolve));
  }
}

if (stay) await lookAtNews(() => process.stdout.write('ready\n'));
const { applied, drift } = await look('all');
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
