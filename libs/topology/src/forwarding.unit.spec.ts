/**
 * The entries of a network as hosts learn them: which hosts, what they are told, and what it costs the API. A change of one port must cost the hosts that have its
 * network, one small object each, however many ports the network has: counted in objects that are looked at, since times differ between machines.
 */
import { describe, expect, it, jest } from '@jest/globals';
import { placeId, type PlumbEvent, type Port, type Recorded } from '@plumbline/contracts';
import { advance, hostObjects, type Parcel } from './host-view.js';
import { type Prepared, prepare } from './prepare.js';
import {
  id,
  metaOf,
  networkCreated,
  networkPlaced,
  nodeRegistered,
  portBound,
  portCreated,
  routerCreated,
  routerGatewaySet,
  routerInterfaceAdded,
  routerScheduled,
} from './testing/index.js';
import { Topology } from './topology.js';

const NETWORK = id(1);
const FLAT = id(2);
const SUBNET = id(3);
const hosts = Array.from({ length: 6 }, (_, n) => `cmp${n}`);

class Cloud {
  readonly topology = new Topology();
  private ids = 1000;

  constructor(ports: number) {
    for (const host of hosts) this.do(nodeRegistered(host, null));
    this.do(networkCreated({ networkId: NETWORK }));
    this.do(networkCreated({ networkId: FLAT, networkType: 'flat', physicalNetwork: 'physnet1' }));
    for (const network of [NETWORK, FLAT]) for (const host of hosts) this.place(network, host);
    for (let n = 0; n < ports; n += 1) this.port(hosts[n % hosts.length] as string);
  }

  do(...events: PlumbEvent[]): Readonly<{ prepared: Prepared; parcels: Parcel[] }> {
    const prepared = prepare(this.topology, { events, reads: [], none: [] }, metaOf(1));
    const recorded = prepared.events.map(({ stream, event }, at) => ({
      position: this.topology.position + 1 + at,
      stream,
      event: event as unknown as Recorded['event'],
      meta: metaOf(1),
    }));
    return { prepared, parcels: advance(this.topology, recorded, prepared.foreseen) };
  }

  place(network: string, host: string) {
    return this.do(networkPlaced(network, host, 1 + hosts.indexOf(host) + (network === FLAT ? 100 : 0)));
  }

  created(facts: Partial<Parameters<typeof portCreated>[0]> = {}): readonly [string, PlumbEvent] {
    this.ids += 1;
    const fixedIps = [{ subnetId: SUBNET, ipAddress: `10.0.${this.ids >> 8}.${this.ids & 255}` }];
    const portId = id(this.ids);
    return [portId, portCreated({ portId, networkId: NETWORK, fixedIps, ...facts }, this.ids)];
  }

  /** A bound port. */
  port(host: string, facts: Partial<Parameters<typeof portCreated>[0]> = {}): string {
    const [portId, created] = this.created(facts);
    this.do(created, portBound(portId, facts.networkId ?? NETWORK, host));
    return portId;
  }

  set(portId: string, set: Partial<Pick<Port, 'name' | 'portSecurityEnabled' | 'allowedAddressPairs'>>) {
    return this.do({ type: 'PortAttributesSet', version: 1, data: { portId, set } });
  }

  entry(portId: string) {
    return this.topology.get('forwardingentry', portId);
  }

  entriesOn(host: string): number {
    return hostObjects(this.topology, host).filter(({ kind }) => kind === 'forwardingentry').length;
  }

  /** Number of objects that the index is asked for while `run` runs. */
  looks(run: () => unknown): number {
    const { objects } = this.topology;
    const byKey = jest.spyOn(objects, 'byKey');
    const find = jest.spyOn(objects, 'find');
    run();
    const found = find.mock.results.reduce((sum, { value }) => sum + (value as unknown[]).length, 0);
    const looks = byKey.mock.calls.length + found;
    for (const spy of [byKey, find]) spy.mockRestore();
    return looks;
  }
}

const told = (parcels: readonly Parcel[]) =>
  Object.fromEntries(
    parcels
      .map(({ host, entered, left, events }): [string, string[]] => [
        host,
        [
          ...entered.map(({ kind }) => `+${kind}`),
          ...left.map(({ kind }) => `-${kind}`),
          ...events.map(({ event }) => event.type),
        ],
      ])
      .sort(),
  );
const everywhere = (what: readonly string[]) => Object.fromEntries(hosts.map((host) => [host, what]));

describe('an entry of a network', () => {
  it('is the MAC, addresses, host and pairs of a bound port, with the positions of what set them', () => {
    const cloud = new Cloud(0);
    const fixedIps = ['fd00:0:0::2', '10.9.0.2'].map((ipAddress) => ({ subnetId: SUBNET, ipAddress }));
    const [portId, created] = cloud.created({ fixedIps });
    cloud.do(created);
    const at = cloud.topology.position;
    expect(cloud.entry(portId)).toBeUndefined();
    cloud.do(portBound(portId, NETWORK, 'cmp3'));
    expect(cloud.entry(portId)).toEqual({
      kind: 'forwardingentry',
      id: portId,
      projectId: 'project',
      setAt: { binding: at + 1, fixedIps: at, membership: at },
      networkId: NETWORK,
      host: 'cmp3',
      macAddress: 'fa:16:3e:00:03:e9',
      addresses: ['10.9.0.2', 'fd00::2'],
      secured: true,
      pairs: [],
    });
    cloud.set(portId, { portSecurityEnabled: false });
    expect(cloud.entry(portId)).toMatchObject({ secured: false, setAt: { membership: at + 2 } });
    const pairs = [{ ipAddress: '10.9.0.200', macAddress: 'fa:16:3e:aa:bb:cc' }];
    cloud.set(portId, { portSecurityEnabled: true, allowedAddressPairs: pairs });
    expect(cloud.entry(portId)).toMatchObject({ secured: true, pairs, setAt: { membership: at + 3 } });
    cloud.do({ type: 'PortUnbound', version: 1, data: { portId, networkId: NETWORK, host: 'cmp3' } });
    expect(cloud.entry(portId)).toBeUndefined();
  });

  it('is not of a router’s port, and secured of a port that serves the network only if it is ours', () => {
    const cloud = new Cloud(0);
    const routerId = id(900);
    cloud.do(routerCreated({ routerId }), routerScheduled(routerId, 'cmp1'));
    const [portId, created] = cloud.created({ deviceOwner: 'network:router_interface', deviceId: routerId });
    cloud.do(created);
    expect(cloud.entry(portId)).toBeUndefined();
    const dhcp = { deviceOwner: 'network:dhcp', portSecurityEnabled: false };
    expect(cloud.entry(cloud.port('cmp1', dhcp))).toMatchObject({ secured: false });
    expect(cloud.entry(cloud.port('cmp1', { ...dhcp, servesDhcp: true }))).toMatchObject({ secured: true });
  });

  it('is one small object for each host of the network, and nothing for any other', () => {
    const cloud = new Cloud(12);
    const [portId, created] = cloud.created();
    expect(told(cloud.do(created).parcels)).toEqual({});
    cloud.do(nodeRegistered('apart', null));
    const { parcels } = cloud.do(portBound(portId, NETWORK, 'cmp3'));
    expect(told(parcels)).toEqual({ ...everywhere(['+forwardingentry']), cmp3: ['+port', '+forwardingentry'] });
    for (const parcel of parcels) if (parcel.host !== 'cmp3') expect(JSON.stringify(parcel).length).toBeLessThan(500);
    expect(told(cloud.set(portId, { name: 'x' }).parcels)).toEqual({ cmp3: ['PortAttributesSet'] });
    const moved = cloud.do(portBound(portId, NETWORK, 'cmp4')).parcels;
    expect(told(moved)).toEqual({
      ...everywhere(['+forwardingentry']),
      cmp3: ['+forwardingentry', '-port'],
      cmp4: ['+port', '+forwardingentry'],
    });
    const fixedIps = [{ subnetId: SUBNET, ipAddress: '10.7.7.7' }];
    const facts = { portId, networkId: NETWORK };
    expect(told(cloud.do({ type: 'PortFixedIpsSet', version: 1, data: { ...facts, fixedIps } }).parcels)).toEqual({
      ...everywhere(['+forwardingentry']),
      cmp4: ['+forwardingentry', 'PortFixedIpsSet'],
    });
    expect(told(cloud.do({ type: 'PortDeleted', version: 1, data: facts }).parcels)).toEqual({
      ...everywhere(['-forwardingentry']),
      cmp4: ['-port', '-forwardingentry'],
    });
  });

  it('is told to nobody for a port of a provider network: no tunnel leads to it', () => {
    const cloud = new Cloud(0);
    const [portId, created] = cloud.created({ networkId: FLAT });
    expect(told(cloud.do(created, portBound(portId, FLAT, 'cmp2')).parcels)).toEqual({ cmp2: ['+port'] });
  });

  it('is there as soon as a host has the network, and no longer than that', () => {
    const cloud = new Cloud(12);
    expect(cloud.entriesOn('new1')).toBe(0);
    cloud.do(networkPlaced(NETWORK, 'new1', 7));
    expect(cloud.entriesOn('new1')).toBe(12);
    const { parcels } = cloud.do({
      type: 'NetworkWithdrawnFromHost',
      version: 1,
      data: { networkId: NETWORK, host: 'new1' },
    });
    expect(told(parcels)['new1']?.filter((what) => what === '-forwardingentry')).toHaveLength(12);
    expect(cloud.entriesOn('new1')).toBe(0);
  });
});

describe('a router’s port', () => {
  const routerId = id(900);
  const withInterface = () => {
    const cloud = new Cloud(0);
    cloud.do(routerCreated({ routerId }), routerScheduled(routerId, 'cmp1'));
    const [portId, created] = cloud.created({ deviceOwner: 'network:router_interface', deviceId: routerId });
    const added = routerInterfaceAdded(routerId, portId, NETWORK, []);
    return { cloud, portId, parcels: cloud.do(created, added).parcels };
  };

  it('is what it has, and where its router is', () => {
    const { cloud, portId, parcels } = withInterface();
    const at = cloud.topology.position;
    const both = ['+routerentry', '+routerplace'];
    expect(told(parcels)).toEqual({ ...everywhere(both), cmp1: ['+port', ...both, 'RouterInterfaceAdded'] });
    expect(cloud.topology.get('routerentry', portId)).toEqual({
      ...{ kind: 'routerentry', id: portId, projectId: 'project', setAt: { fixedIps: at - 1 } },
      ...{ networkId: NETWORK, routerId, macAddress: 'fa:16:3e:00:03:e9', addresses: ['10.0.3.233'] },
    });
    expect(cloud.topology.get('routerplace', placeId(routerId, portId))).toEqual({
      ...{ kind: 'routerplace', id: placeId(routerId, portId), projectId: 'project', networkId: NETWORK },
      ...{ host: 'cmp1', setAt: { host: at - 2, [`interface:${portId}`]: at } },
    });
  });

  it('goes where its router goes: one small object for each host', () => {
    const { cloud, portId } = withInterface();
    const moved = cloud.do(routerScheduled(routerId, 'cmp2')).parcels;
    expect(told(moved)).toEqual({
      ...everywhere(['+routerplace']),
      cmp1: ['+routerplace', '-router', '-port'],
      cmp2: ['+router', '+routerplace', '+port'],
    });
    for (const parcel of moved) if (parcel.host > 'cmp2') expect(JSON.stringify(parcel).length).toBeLessThan(400);
    const off = cloud.do({ type: 'RouterUnscheduled', version: 1, data: { routerId, host: 'cmp2' } }).parcels;
    expect(told(off)).toMatchObject({ cmp4: ['-routerplace'] });
    expect(cloud.topology.get('routerplace', placeId(routerId, portId))).toBeUndefined();
    expect(cloud.topology.get('routerentry', portId)).toBeDefined();
  });

  it('is told to who gets the network, of the router’s gateway too', () => {
    const { cloud } = withInterface();
    const [portId, created] = cloud.created({ deviceOwner: 'network:router_gateway', deviceId: routerId });
    cloud.do(created, routerGatewaySet(routerId, portId, NETWORK, []));
    const kinds = told(cloud.place(NETWORK, 'cmp9').parcels)['cmp9'] ?? [];
    expect(kinds.filter((each) => each === '+routerplace')).toHaveLength(2);
    expect(kinds.filter((each) => each === '+routerentry')).toHaveLength(2);
  });
});

describe('what a command on a port of a network costs', () => {
  const bound = (cloud: Cloud) => cloud.port('cmp5');
  const moved = (cloud: Cloud) => cloud.do(portBound(cloud.port('cmp4'), NETWORK, 'cmp5'));
  const renamed = (cloud: Cloud) => cloud.set(cloud.port('cmp4'), { name: 'x' });
  const deleted = (cloud: Cloud) =>
    cloud.do({ type: 'PortDeleted', version: 1, data: { portId: cloud.port('cmp4'), networkId: NETWORK } });

  it.each([
    ['bound', bound],
    ['moved', moved],
    ['renamed', renamed],
    ['deleted', deleted],
  ])('%s: not the other ports', (_what, run) => {
    const [few, many] = [new Cloud(6), new Cloud(300)];
    const costs = [few.looks(() => run(few)), many.looks(() => run(many))];
    expect(costs[1]).toBe(costs[0]);
  });

  it('demands that the network comes to no other host, and no stream or claim of another port', () => {
    const cloud = new Cloud(300);
    const [portId, created] = cloud.created();
    cloud.do(created);
    const { prepared } = cloud.do(portBound(portId, NETWORK, 'cmp5'));
    expect(Object.keys(prepared.expect).sort()).toEqual([`placement-${NETWORK}`, `port-${portId}`]);
    expect(prepared.take).toEqual([`bound/${NETWORK}/cmp5/${portId}`]);
    // Who serves the network's DHCP, or routes it, must know its ports, too.
    expect(prepared.none.filter((prefix) => !/^(dhcp|routed)\//.test(prefix))).toEqual([]);
  });
});
