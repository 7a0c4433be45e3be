/**
 * From POST of an associated floating IP to the first TCP connection from `outside` through it. The neighbour table of `outside` is emptied
 * before each turn, and a connection is tried every few milliseconds from the moment the API has answered.
 */
import { run } from '@plumbline/exec';
import { crowd, median, quantile } from './report.mjs';
import { startProbe } from './scratch-node.mjs';

const TURNS = 30;
const TARGET_MS = 100;
const LIMIT_MS = 10_000;

export async function connectBench(lab) {
  const api = lab.api(1);
  const probe = startProbe(lab.place('outside').enter);
  try {
    await probe.ready;
    const [network] = await api.list('networks', 'name=public');
    const instance = lab.state.instances.find(({ name }) => name === 'vm2');
    const answered = [];
    const { ms } = await crowd(TURNS, 1, async (turn) => {
      await run([...lab.place('outside').enter, 'ip', 'neigh', 'flush', 'all']);
      const start = performance.now();
      const made = await api.create('floatingip', { floating_network_id: network.id, port_id: instance.portId });
      const posted = performance.now();
      await probe.ask([made.floating_ip_address], { port: 80, accept: true, timeoutMs: LIMIT_MS });
      const connected = performance.now();
      answered[turn] = { post: posted - start, connect: connected - start };
      await api.delete(`/v2.0/floatingips/${made.id}`);
      // Waits until the node has removed it: the next turn may get the same address.
      await probe.ask([made.floating_ip_address], { port: 80, gone: true, timeoutMs: LIMIT_MS });
    });
    const connect = answered.map((each) => each.connect);
    const post = answered.map((each) => each.post);
    return [
      {
        name: 'POST floatingip to first TCP connect, median',
        value: median(connect),
        unit: 'ms',
        target: { atMost: TARGET_MS },
        detail: `${ms.length} turns, p90 ${quantile(connect, 0.9).toFixed(0)}, worst ${Math.max(...connect).toFixed(0)}`,
      },
      { name: '  of it: the answer to the POST', value: median(post), unit: 'ms' },
    ];
  } finally {
    await probe.close();
    api.close();
  }
}
