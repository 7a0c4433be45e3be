/**
 * From POST of an associated floating IP to the first TCP connection from `outside` through it. The neighbour table of `outside` is emptied
 * before each turn, and a connection is tried every few milliseconds from the moment the API has answered.
 */
import { run } from '@plumbline/exec';
import { median, quantile } from './report.mjs';
import { startProbe } from './scratch-node.mjs';

const TURNS = 30;
const MEDIAN_MS = 45;
const WORST_MS = 120;
const LIMIT_MS = 10_000;

/** `turns` times, one after the other, or as often as it goes for `forMs`: milliseconds until the POST was answered, and until the first connection. */
export async function connections(lab, { turns = Infinity, forMs = Infinity }) {
  const api = lab.api(1);
  const probe = startProbe(lab.place('outside').enter);
  const made = { post: [], connect: [] };
  try {
    await probe.ready;
    const [network] = await api.list('networks', 'name=public');
    const instance = lab.state.instances.find(({ name }) => name === 'vm2');
    for (const until = performance.now() + forMs; made.post.length < turns && performance.now() < until;) {
      await run([...lab.place('outside').enter, 'ip', 'neigh', 'flush', 'all']);
      const start = performance.now();
      const floatingIp = await api.create('floatingip', { floating_network_id: network.id, port_id: instance.portId });
      const posted = performance.now();
      const address = floatingIp.floating_ip_address;
      await probe.ask([address], { port: 80, accept: true, timeoutMs: LIMIT_MS });
      made.connect.push(performance.now() - start);
      made.post.push(posted - start);
      await api.delete(`/v2.0/floatingips/${floatingIp.id}`);
      // Waits until the node has removed it: the next turn may get the same address.
      await probe.ask([address], { port: 80, gone: true, timeoutMs: LIMIT_MS });
    }
    return made;
  } finally {
    await probe.close();
    api.close();
  }
}

export async function connectBench(lab) {
  const { post, connect } = await connections(lab, { turns: TURNS });
  return [
    {
      name: 'POST floatingip to first TCP connect, median',
      value: median(connect),
      unit: 'ms',
      target: { atMost: MEDIAN_MS },
      detail: `${connect.length} turns, p90 ${quantile(connect, 0.9).toFixed(0)}`,
    },
    { name: '  worst', value: Math.max(...connect), unit: 'ms', target: { atMost: WORST_MS } },
    { name: '  of it: the answer to the POST', value: median(post), unit: 'ms' },
  ];
}
