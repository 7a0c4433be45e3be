import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { removePort } from '@plumbline/ovsdb';
import { Instance, joinUnderlay, RealSwitch } from '@plumbline/ovs-driver/testing';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Tunnels } from './tunnels.js';

const ADDRESSES = ['192.0.2.1', '192.0.2.2'] as const;
const FAR_PORT = 'vxlan-c0000201';

/** Two nodes that share a network, with an instance each. */
describe('a tunnel between two real switches', () => {
  const nodes: RealSwitch[] = [];
  const instances: Instance[] = [];
  let nowMs = 0;
  const tunnels = new Tunnels(() => nowMs);
  const view = (host: string) =>
    new ViewBuilder(host)
      .node('cmp1', { tunnelIp: ADDRESSES[0], bfd: true })
      .node('cmp2', { tunnelIp: ADDRESSES[1], bfd: true })
      .network(501, 'vxlan')
      .placed(501, { cmp1: 1, cmp2: 2 })
      .port(host === 'cmp1' ? 11 : 12, 501).view;
  const converge = async (index: number) => {
    const result = await nodes[index]?.converger.converge(view(`cmp${index + 1}`), { touched: 'all', mayRemove: true });
    expect(result?.failed).toEqual([]);
  };
  const near = (): RealSwitch => nodes[0] as RealSwitch;
  const far = (): RealSwitch => nodes[1] as RealSwitch;
  const said = () => tunnels.troubles(view('cmp1'), near().driver.tunnelEnds());
  /** Resolves when what the first node says of its tunnel, ten seconds later, is so many sentences. */
  const until = async (count: number) => {
    for (;;) {
      near().news.length = 0;
      said();
      nowMs += 10_000;
      if (said().length === count) return;
      await near().heard(({ reason }) => reason === 'tunnel-end');
    }
  };

  beforeAll(async () => {
    const config = { bridgeMappings: {}, datapathType: 'netdev' as const };
    for (const tunnelIp of ADDRESSES) nodes.push(await RealSwitch.start({ ...config, tunnelIp }));
    await joinUnderlay(nodes as never, ADDRESSES);
    for (const index of [0, 1]) {
      await converge(index);
      const n = 11 + index;
      const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) };
      instances.push(await Instance.plug(nodes[index] as RealSwitch, options));
      await converge(index);
    }
  });
  afterAll(async () => {
    for (const instance of instances) await instance.remove();
    for (const node of nodes) await node.stop();
  });

  const pass = async () => {
    const [a, b] = instances as [Instance, Instance];
    expect(await a.reaches('10.0.0.12')).toBe(true);
    expect(await a.transfer(b, '10.0.0.12', 100_000)).toBe(100_000);
    expect(await a.datagrams(b, '10.0.0.12', 20)).toBe(20);
  };
  const wire = (state: string) => run(['ip', '-n', far().ovs.netns, 'link', 'set', 'wire0', state]);

  it('is well while packets pass', async () => {
    await until(0);
    await pass();
  });

  it.each([
    ['the wire is cut', () => wire('down'), () => wire('up')],
    [
      'the far address answers a ping, and no tunnel ends there',
      () => far().mirror.commit(removePort('br-tun', far().mirror.port(FAR_PORT)?.uuid ?? '')),
      () => converge(1),
    ],
    [
      'nobody enables BFD at the far end any more',
      () => far().ovs.tool(['ovs-vsctl', `--db=${far().ovs.remote}`, 'clear', 'Interface', FAR_PORT, 'bfd']),
      () => converge(1),
    ],
  ])('is seen to be dead when %s, and well again afterwards', async (_what, lose, mend) => {
    await lose();
    await until(1);
    expect(said()[0]).toContain('the tunnel to cmp2 (192.0.2.2) does not answer');
    await mend();
    await until(0);
    await pass();
  });
});
