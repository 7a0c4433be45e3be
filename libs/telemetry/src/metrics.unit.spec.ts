import { expect, it } from '@jest/globals';
import { Health, Metrics, serveHealth } from './index.js';

it('metrics are read when they are asked for, in the form that Prometheus reads, beside health', async () => {
  const metrics = new Metrics();
  let sent = 0;
  metrics.add({ name: 'plumbline_sent_total', type: 'counter', help: 'Messages sent.', read: () => sent });
  metrics.add({ name: 'plumbline_hosts', type: 'gauge', help: 'Hosts.', read: () => 2 });
  const server = await serveHealth({ listen: 0, health: new Health(), metrics });
  const bare = await serveHealth({ listen: 0, health: new Health() });
  try {
    sent = 7;
    const answer = await fetch(`http://127.0.0.1:${server.address}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toBe(
      '# HELP plumbline_sent_total Messages sent.\n# TYPE plumbline_sent_total counter\nplumbline_sent_total 7\n' +
        '# HELP plumbline_hosts Hosts.\n# TYPE plumbline_hosts gauge\nplumbline_hosts 2\n',
    );
    expect((await fetch(`http://127.0.0.1:${bare.address}/metrics`)).status).toBe(404);
  } finally {
    await server.close();
    await bare.close();
  }
});
