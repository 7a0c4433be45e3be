/**
 * Membership of security groups as hosts learn it: which hosts, what they are told, and what it costs the API. A command must cost the hosts that it concerns,
 * not the members of its groups: counted in objects that are looked at, since times differ between machines.
 */
import { describe, expect, it, jest } from '@jest/globals';
import { memberId, type PlumbEvent, type Recorded } from '@plumbline/contracts';
import { advance, hostObjects, type Parcel } from './host-view.js';
import { type Prepared, prepare } from './prepare.js';
import {
  id,
  metaOf,
  networkCreated,
  nodeRegistered,
  portBound,
  portCreated,
  securityGroupCreated,
  securityGroupRuleCreated,
} from './testing/index.js';
import { Topology } from './topology.js';

const NETWORK = id(1);
const SUBNET = id(2);
const GROUP = id(3);
const OTHER = id(4);
const hosts = Array.from({ length: 8 }, (_, n) => `cmp${n}`);

class Cloud {
  readonly topology = new Topology();
  private ids = 1000;

  constructor(members: number) {
    for (const host of hosts) this.do(nodeRegistered(host, null));
    this.do(networkCreated({ networkId: NETWORK }));
    for (const group of [GROUP, OTHER]) this.do(securityGroupCreated({ securityGroupId: group }));
    this.rule({ remoteGroupId: GROUP, ethertype: 'IPv4' });
    this.rule({ remoteGroupId: GROUP, ethertype: 'IPv6' });
    for (let n = 0; n < members; n += 1) this.member(hosts[n % hosts.length]);
  }

  newId(): string {
    this.ids += 1;
    return id(this.ids);
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

  rule(facts: Partial<Parameters<typeof securityGroupRuleCreated>[0]>): string {
    const securityGroupRuleId = this.newId();
    this.do(securityGroupRuleCreated({ securityGroupRuleId, securityGroupId: GROUP, ...facts }));
    return securityGroupRuleId;
  }

  created(facts: Partial<Parameters<typeof portCreated>[0]> = {}): readonly [string, PlumbEvent] {
    const portId = this.newId();
    const fixedIps = [{ subnetId: SUBNET, ipAddress: `10.0.${this.ids >> 8}.${this.ids & 255}` }];
    return [
      portId,
      portCreated({ portId, networkId: NETWORK, fixedIps, securityGroupIds: [GROUP], ...facts }, this.ids),
    ];
  }

  member(host?: string): string {
    const [portId, created] = this.created();
    this.do(created, ...(host === undefined ? [] : [portBound(portId, NETWORK, host)]));
    return portId;
  }

  /** Number of objects that the index is asked for while `run` runs. */
  looks(run: () => unknown): number {
    const { objects } = this.topology;
    const byKey = jest.spyOn(objects, 'byKey');
    const find = jest.spyOn(objects, 'find');
    const gathered = jest.spyOn(objects, 'gathered');
    run();
    const found = find.mock.results.reduce((sum, { value }) => sum + (value as unknown[]).length, 0);
    const led = gathered.mock.results.reduce((sum, { value }) => sum + (value as Map<string, number>).size, 0);
    const looks = byKey.mock.calls.length + found + led;
    for (const spy of [byKey, find, gathered]) spy.mockRestore();
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

describe('a member of a security group', () => {
  it('is its addresses and those of its pairs, each once as a prefix, with the positions of what set them', () => {
    const cloud = new Cloud(1);
    const [portId, event] = cloud.created({
      fixedIps: [
        { subnetId: SUBNET, ipAddress: '10.9.0.2' },
        { subnetId: SUBNET, ipAddress: 'fd00:0:0::2' },
      ],
      allowedAddressPairs: ['10.9.0.2', '10.9.0.200', '10.9.0.208/28', 'fd00::/64'].map((ipAddress) => ({
        ipAddress,
        macAddress: 'fa:16:3e:aa:bb:cc',
      })),
      securityGroupIds: [GROUP, OTHER],
    });
    cloud.do(event);
    const at = cloud.topology.position;
    const member = () => cloud.topology.get('securitygroupmember', memberId(GROUP, portId));
    expect(member()).toEqual({
      kind: 'securitygroupmember',
      id: `${GROUP}_${portId}`,
      projectId: 'project',
      setAt: { membership: at, fixedIps: at },
      securityGroupId: GROUP,
      portId,
      addresses: ['10.9.0.2/32', '10.9.0.200/32', '10.9.0.208/28', 'fd00::/64', 'fd00::2/128'],
    });
    cloud.do({ type: 'PortAttributesSet', version: 1, data: { portId, set: { allowedAddressPairs: [] } } });
    expect(member()).toMatchObject({
      setAt: { membership: at + 1, fixedIps: at },
      addresses: ['10.9.0.2/32', 'fd00::2/128'],
    });
    cloud.do({ type: 'PortAttributesSet', version: 1, data: { portId, set: { securityGroupIds: [OTHER] } } });
    expect(member()).toBeUndefined();
    expect(cloud.topology.find('securitygroupmember', `group/${OTHER}`).map(({ portId }) => portId)).toEqual([portId]);
  });

  it('is one small message to the hosts whose rules let its group in, and to no other', () => {
    const cloud = new Cloud(16);
    const [apart, event] = cloud.created({ securityGroupIds: [OTHER] });
    expect(told(cloud.do(event, portBound(apart, NETWORK, 'net1')).parcels)).toEqual({
      net1: ['+port', '+securitygroup'],
    });
    const [portId, created] = cloud.created();
    expect(told(cloud.do(created).parcels)).toEqual(everywhere(['+securitygroupmember']));
    expect(
      told(cloud.do({ type: 'PortAttributesSet', version: 1, data: { portId, set: { name: 'x' } } }).parcels),
    ).toEqual({});
    const fixedIps = [{ subnetId: SUBNET, ipAddress: '10.7.7.7' }];
    const { parcels } = cloud.do({
      type: 'PortFixedIpsSet',
      version: 1,
      data: { portId, networkId: NETWORK, fixedIps },
    });
    expect(told(parcels)).toEqual(everywhere(['+securitygroupmember']));
    for (const parcel of parcels) expect(JSON.stringify(parcel).length).toBeLessThan(500);
    expect(told(cloud.do(portBound(portId, NETWORK, 'cmp3')).parcels)).toEqual({ cmp3: ['+port'] });
    expect(told(cloud.do({ type: 'PortDeleted', version: 1, data: { portId, networkId: NETWORK } }).parcels)).toEqual({
      ...everywhere(['-securitygroupmember']),
      cmp3: ['-port', '-securitygroupmember'],
    });
  });

  it('is there before and after a port of its group comes to a host and goes', () => {
    const cloud = new Cloud(16);
    const kinds = () => hostObjects(cloud.topology, 'cmp9').map(({ kind }) => kind);
    const count = () => kinds().filter((kind) => kind === 'securitygroupmember').length;
    expect(kinds()).toEqual([]);
    const first = cloud.member('cmp9');
    expect(count()).toBe(17);
    const second = cloud.member('cmp9');
    cloud.do({ type: 'PortDeleted', version: 1, data: { portId: first, networkId: NETWORK } });
    expect(count()).toBe(17);
    const { parcels } = cloud.do({
      type: 'PortUnbound',
      version: 1,
      data: { portId: second, networkId: NETWORK, host: 'cmp9' },
    });
    expect(told(parcels)['cmp9']?.filter((what) => what === '-securitygroupmember')).toHaveLength(17);
    expect(kinds()).toEqual([]);
  });
});

describe('what a command on a port of a group costs', () => {
  const created = (cloud: Cloud) => cloud.do(cloud.created()[1]);
  const bound = (cloud: Cloud) => cloud.member('cmp5');
  const rebound = (cloud: Cloud) => {
    const portId = cloud.member('cmp4');
    return cloud.do(portBound(portId, NETWORK, 'cmp5'));
  };
  const moved = (cloud: Cloud) => {
    const portId = cloud.member('cmp4');
    const fixedIps = [{ subnetId: SUBNET, ipAddress: '10.7.7.7' }];
    return cloud.do({ type: 'PortFixedIpsSet', version: 1, data: { portId, networkId: NETWORK, fixedIps } });
  };
  const deleted = (cloud: Cloud) => {
    const portId = cloud.member('cmp4');
    return cloud.do({ type: 'PortDeleted', version: 1, data: { portId, networkId: NETWORK } });
  };
  const ruled = (cloud: Cloud) => cloud.rule({ remoteGroupId: GROUP, protocol: 'tcp' });

  it.each([
    ['created', created],
    ['created and bound', bound],
    ['bound elsewhere', rebound],
    ['with another address', moved],
    ['deleted', deleted],
    ['given another rule for a group that is let in', ruled],
  ])('%s: not the members', (_what, run) => {
    const [few, many] = [new Cloud(16), new Cloud(320)];
    const costs = [few.looks(() => run(few)), many.looks(() => run(many))];
    expect(costs[1]).toBe(costs[0]);
  });

  it.each([
    ['created and bound', bound],
    ['deleted', deleted],
  ])('%s: nor the rules of the group times anything', (_what, run) => {
    const [few, many] = [new Cloud(16), new Cloud(16)];
    for (let n = 0; n < 100; n += 1)
      many.rule({ remoteGroupId: GROUP, protocol: 'tcp', portRangeMin: n, portRangeMax: n });
    const costs = [few.looks(() => run(few)), many.looks(() => run(many))] as const;
    expect(costs[1] - costs[0]).toBeLessThan(2 * 100);
  });

  it('demands that the group comes to no other host, with no claim or stream of a member', () => {
    const cloud = new Cloud(320);
    const { prepared } = cloud.do(cloud.created()[1]);
    expect(Object.keys(prepared.expect)).toHaveLength(1);
    expect(prepared.take.filter((claim) => claim.startsWith('member/'))).toHaveLength(1);
    expect(prepared.within).toEqual({ [`member/${GROUP}/`]: ['', ...hosts], [`remote/${GROUP}/`]: ['', GROUP] });
  });
});
