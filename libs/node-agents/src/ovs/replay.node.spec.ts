import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addBridge } from '@plumbline/ovsdb';
import { RealSwitch } from '@plumbline/ovs-driver/testing';
import { ViewBuilder } from '@plumbline/ovs-core/testing';
import { OVS_AGENT } from './index.js';
import { printRebuildBy } from '../replay.js';

/** The OVS agent's part alone: what the others do is nothing. */
const nothing = { converge: async () => ({ applied: 0, drift: 0, statuses: [], failed: [] }), close: () => undefined };
const none = { replay: { open: () => nothing, openPrinting: () => nothing } };
const agents = { ovs: OVS_AGENT, l3: none, dhcp: none, metadata: none };

describe('a printed replay on a node with a bridge that the switch could not make', () => {
  const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: '192.0.2.1', datapathType: 'netdev' } as const;
  const { view } = new ViewBuilder('cmp1')
    .node('cmp1', { bridgeMappings: config.bridgeMappings, tunnelIp: config.tunnelIp })
    .network(1, 'flat')
    .placed(1, { cmp1: 5 });
  let node: RealSwitch;
  const broken = (name: string) =>
    node.ovs.tool([
      ...['ovs-vsctl', `--db=${node.ovs.remote}`, '--no-wait'],
      ...['add-br', name, '--', 'set', 'Bridge', name, 'datapath_type=nonesuch'],
    ]);
  const commands = async (): Promise<string[]> => {
    const printed: string[] = [];
    const { remote: ovsdb, dir: runDir } = node.ovs;
    const dns = { domain: 'example.org.', resolvers: [] };
    const switchOf = { datapathType: config.datapathType, firewall: 'none', foreignPorts: [] } as const;
    const kind = { ...switchOf, answersMetadata: false, dns };
    const access = { ovsdb, runDir, ...kind };
    await printRebuildBy(agents, view, { print: (line) => printed.push(line), ...access, access });
    return printed;
  };

  beforeAll(async () => {
    node = await RealSwitch.start(config);
    await node.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
  });
  afterAll(() => node.stop());

  it('asks no bridge of others', async () => {
    await broken('br-theirs');
    expect((await commands()).length).toBeGreaterThan(2);
    await node.converger.converge(view, { touched: 'all', mayRemove: true });
    expect(await commands()).toEqual([]);
  });

  it('of bridges that are ours, one that the switch could not make is reported and holds up no other', async () => {
    await broken('br-dmz');
    node.config = { ...config, bridgeMappings: { physnet1: 'br-ex', physnet2: 'br-dmz' } };
    const lost = `unix:${node.ovs.dir}/br-int.mgmt`;
    await node.ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', '--strict', 'del-flows', lost, 'table=60,priority=3']);
    const result = await node.converger.converge(view, { touched: 'all', mayRemove: true });
    expect(result.failed.map(({ key }) => key)).toEqual(['bridge/br-dmz']);
    expect(result.failed[0]?.reason).toContain('an operator must');
    expect((await node.dump('br-int')).some((line) => line.includes('table=60, priority=3'))).toBe(true);
  });
});
