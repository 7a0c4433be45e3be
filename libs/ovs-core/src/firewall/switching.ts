/**
 * Who gets a frame of a network on this node. A port with port security gets what is for its MAC, through its rules; a trusted port (a router's, or one without port
 * security) gets it as it is. What is for many goes to the edge, to the trusted ports, and once through the rules for each class of the others.
 *
 * A MAC of an address pair that is not the port's own may be at another port by now (VRRP): what is for it is flooded to those that may have it.
 */
import type { ObjectKey } from '@plumbline/contracts';
import { type Flow, portText } from '../flow.js';
import { hex } from './numbers.js';
import { flow, goto, type Made, pushVlan, resubmit, TABLE, UNTAGGED } from './tables.js';

/** A port of the node that is wired to a network. */
export type LocalPort = Readonly<{
  portId: string;
  device: string;
  /** `open`: nothing is checked and it may have any MAC; `known`: trusted, with its own MAC (a router's port). */
  kind: 'guarded' | 'open' | 'known';
  /** Of a guarded port: its class, and MACs of pairs other than its own. */
  classKey: string;
  classNumber: number;
  receiver: number;
  pairMacs: readonly string[];
  /** Null until the switch has opened it: only then frames for many can be copied to it. */
  ofport: number | null;
  position: number;
}>;

/** The flows by which frames for a guarded port's own MAC reach its rules. */
export const guardedMac = (
  made: Made,
  port: Readonly<{ localVlanId: number; mac: string; classNumber: number; receiver: number; device: string }>,
): Flow =>
  flow(
    made,
    TABLE.switching,
    20,
    `dl_vlan=${port.localVlanId},dl_dst=${port.mac}`,
    `pop_vlan,${towards(port.localVlanId, port.receiver, port.classNumber)},${goto(TABLE.beforeRulesTo)}`,
    [port.device],
  );

const towards = (localVlanId: number, receiver: number, classNumber: number): string =>
  `set_field:${hex(receiver)}->reg5,set_field:${hex(localVlanId)}->reg6,set_field:${hex(classNumber)}->reg7`;

/** A port whose frames are taken as they are: what it sends gets its tag, what is for its MAC is given to it. */
export function trustedPort(
  device: string,
  port: Readonly<{ owner: ObjectKey; localVlanId: number; mac: string; learns: boolean; position: number }>,
): Flow[] {
  const made: Made = { position: port.position, owner: port.owner };
  const next = port.learns ? TABLE.learnAccess : TABLE.switching;
  return [
    flow(
      made,
      TABLE.classify,
      10,
      `in_port=${portText(device)},${UNTAGGED}`,
      `${pushVlan(port.localVlanId)},${goto(next)}`,
      [device],
    ),
    flow(
      made,
      TABLE.known,
      2,
      `dl_vlan=${port.localVlanId},dl_dst=${port.mac}`,
      `pop_vlan,output:${portText(device)}`,
      [device],
    ),
  ];
}

/** A port of the operator's, named in the settings: in the network of its tag, or, without one, in all, with their tags. */
export const foreignPort = (device: string, tag: number | null, made: Made): Flow =>
  tag === null
    ? flow(made, TABLE.classify, 10, `in_port=${portText(device)}`, goto(TABLE.transient), [device])
    : flow(
        made,
        TABLE.classify,
        10,
        `in_port=${portText(device)},${UNTAGGED}`,
        `${pushVlan(tag)},${goto(TABLE.learnAccess)}`,
        [device],
      );

/** What a network's ports share. `edge`: ports that get frames with the local tag; `receiverOf`: the number of all ports of a class here. */
export function fanout(
  network: Readonly<{
    id: string;
    localVlanId: number;
    edge: readonly string[];
    /** Foreign ports with the network's tag. */
    foreign: readonly string[];
    position: number;
    ports: Iterable<LocalPort>;
  }>,
  receiverOf: (classKey: string) => number,
): Flow[] {
  const { localVlanId, edge, foreign } = network;
  const ports = [...network.ports].sort((a, b) => (a.device < b.device ? -1 : 1));
  const made: Made = {
    position: ports.reduce((position, port) => Math.max(position, port.position), network.position),
    owner: `fanout/${network.id}`,
  };
  const open = ports.filter(({ kind }) => kind === 'open').map(({ device }) => device);
  const trusted = ports.filter(({ kind }) => kind !== 'guarded').map(({ device }) => device);
  const classes = new Map<string, { number: number; devices: string[] }>();
  const holders = new Map<string, LocalPort[]>();
  for (const port of ports) {
    if (port.kind !== 'guarded') continue;
    const known = classes.get(port.classKey);
    if (known) known.devices.push(port.device);
    else classes.set(port.classKey, { number: port.classNumber, devices: [port.device] });
    for (const mac of port.pairMacs) {
      const these = holders.get(mac);
      if (these) these.push(port);
      else holders.set(mac, [port]);
    }
  }
  const judged = (receiver: number, classNumber: number): string =>
    `${towards(localVlanId, receiver, classNumber)},${resubmit(TABLE.beforeRulesTo)}`;
  const copies = [...classes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { number, devices }]) => ({ receiver: receiverOf(key), number, devices }));
  const to = `dl_vlan=${localVlanId}`;
  return [
    {
      ...flow(made, TABLE.unknown, 1, to, 'pop_vlan'),
      copies: edge,
      floods: [...open, ...foreign],
    },
    {
      ...flow(
        made,
        TABLE.multicast,
        1,
        to,
        ['pop_vlan', ...copies.map(({ receiver, number }) => judged(receiver, number))].join(','),
      ),
      copies: edge,
      floods: [...trusted, ...foreign],
    },
    ...copies.map(({ receiver, devices }): Flow => ({
      ...flow(made, TABLE.deliver, 10, `reg5=${hex(receiver)}`, ''),
      floods: devices,
    })),
    ...[...holders]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([mac, these]) =>
        flow(
          made,
          TABLE.switching,
          15,
          `${to},dl_dst=${mac}`,
          [
            resubmit(TABLE.leaving),
            'pop_vlan',
            ...these.map(({ receiver, classNumber }) => judged(receiver, classNumber)),
          ].join(','),
        ),
      ),
  ];
}
