/** What is said of a port that was wired, when, and byte by byte. */
import { describe, expect, it } from '@jest/globals';
import { announcementsOf, frameToItself, OvsConverger, type OvsDriver, type OvsStep } from '@plumbline/ovs-core';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { packetOut } from './packet-out.js';
import { SwitchDriver } from './switch-driver.js';
import { FakeOvs, frames } from './testing/index.js';

const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' } as const;
const fixedIps = [
  { subnetId: idOf(1), ipAddress: '10.0.0.11' },
  { subnetId: idOf(2), ipAddress: 'fd00::11' },
];

describe('an announcement', () => {
  const hex = announcementsOf({ macAddress: macOf(11), fixedIps }).map((each) => Buffer.from(each).toString('hex'));

  it('of an IPv4 address is an ARP request for itself', () => {
    const arp = { op: 1, sha: macOf(11), spa: '10.0.0.11', tha: '00:00:00:00:00:00', tpa: '10.0.0.11' } as const;
    const ethernet = { src: macOf(11), dst: 'ff:ff:ff:ff:ff:ff', type: 0x0806 };
    expect(hex[0]).toBe(frames.ethernet(ethernet, frames.arp(arp)));
  });

  it('of an IPv6 address is an unsolicited neighbour advertisement that overrides', () => {
    const option = Buffer.from(`0201${macOf(11).replaceAll(':', '')}`, 'hex');
    const target = Buffer.from('fd000000000000000000000000000011', 'hex');
    const of = { src: 'fd00::11', dst: 'ff02::1', type: 136 };
    const packet = frames.icmp6(of, Buffer.concat([Buffer.from([0x20, 0, 0, 0]), target, option]));
    expect(hex[1]).toBe(frames.ethernet({ src: macOf(11), dst: '33:33:00:00:00:01', type: 0x86dd }, packet));
  });

  it('of a port to itself is for nobody else', () => {
    const ethernet = { src: macOf(11), dst: macOf(11), type: 0x9000 };
    expect(Buffer.from(frameToItself({ macAddress: macOf(11) })).toString('hex')).toBe(
      frames.ethernet(ethernet, Buffer.from('000001000000', 'hex')),
    );
  });

  it('is given to the tables as from the port', () => {
    const { type, body } = packetOut(7, Uint8Array.of(1, 2, 3));
    expect(type).toBe(13);
    expect(body.toString('hex')).toBe(
      [
        'ffffffff',
        '00000007',
        '0010',
        '000000000000',
        '0000',
        '0010',
        'fffffff9',
        '0000',
        '000000000000',
        '010203',
      ].join(''),
    );
  });
});

describe('a port is announced', () => {
  /** The switch, what was announced on it, and a port 11 that is plugged in. */
  const start = async () => {
    const ovs = new FakeOvs();
    const announced: (readonly Uint8Array[])[] = [];
    const agent = () => {
      const driver = new SwitchDriver(ovs.rows, ovs.runner, { watch: false });
      const noting: OvsDriver = {
        observe: () => driver.observe(),
        flows: (bridges, options) => driver.flows(bridges, options),
        apply: async (step: OvsStep) => {
          if (step.op === 'announce') announced.push(...step.ports.map(({ frames: its }) => its));
          else await driver.apply(step);
        },
      };
      return new OvsConverger(noting, () => config);
    };
    const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 1 });
    builder.port(11, 1, { fixedIps });
    const first = agent();
    await first.converge(builder.view, { touched: 'all', mayRemove: true });
    await ovs.plug('tap11', idOf(11));
    return { ovs, agent, builder, announced, first };
  };
  const touched = new Set([`port/${idOf(11)}`] as const);

  it('when it is wired, once', async () => {
    const { first, builder, announced } = await start();
    await first.converge(builder.view, { touched, mayRemove: true });
    expect(announced).toEqual([announcementsOf({ macAddress: macOf(11), fixedIps })]);
    await first.converge(builder.view, { touched, mayRemove: true });
    await first.converge(builder.view, { touched: 'all', mayRemove: true });
    expect(announced).toHaveLength(1);
  });

  it.each([
    ['a router’s', { fixedIps, deviceOwner: 'network:router_interface', deviceId: idOf(70) }],
    ['one without addresses', { fixedIps: [] }],
  ])('to its own switch alone: %p', async (_port, more) => {
    const { first, builder, announced } = await start();
    builder.router(70).port(11, 1, more);
    await first.converge(builder.view, { touched, mayRemove: true });
    expect(announced).toEqual([[frameToItself({ macAddress: macOf(11) })]]);
  });

  it('not by an agent that starts and finds it wired', async () => {
    const { first, agent, builder, announced } = await start();
    await first.converge(builder.view, { touched, mayRemove: true });
    await agent().converge(builder.view, { touched: 'all', mayRemove: true });
    expect(announced).toHaveLength(1);
  });

  it('by an old view only when it was confirmed', async () => {
    const { first, builder, announced } = await start();
    await first.converge(builder.view, { touched, mayRemove: false });
    expect(announced).toEqual([]);
    await first.converge(builder.view, { touched: 'all', mayRemove: true });
    expect(announced).toHaveLength(1);
  });

  it('again when it was cut off and is wired anew, and not while its binding is inactive', async () => {
    const { first, builder, announced } = await start();
    await first.converge(builder.view, { touched, mayRemove: true });
    const inactiveBindings = { cmp1: { vnicType: 'normal', profile: {} } };
    builder.port(11, 1, { fixedIps, binding: { host: 'cmp2', vnicType: 'normal', profile: {} }, inactiveBindings });
    const { statuses } = await first.converge(builder.view, { touched, mayRemove: true });
    expect(statuses).toMatchObject([{ status: 'DOWN', reason: expect.stringContaining('is not active') }]);
    expect(announced).toHaveLength(1);
    builder.port(11, 1, { fixedIps });
    await first.converge(builder.view, { touched, mayRemove: true });
    expect(announced).toHaveLength(2);
  });
});
