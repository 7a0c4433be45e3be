/** Looks: what the switch's flow tables do with one packet, and rules on bridges before and behind it. The switch answers itself (`ofproto/trace`); nothing is sent. */
import {
  type AnswerOf,
  MOST_STEPS,
  type ParamsOf,
  type SwitchEntry,
  type TracedPacket,
  versionOf,
} from '@plumbline/contracts';
import type { IpVersion } from '@plumbline/iptables';
import { BR_INT, BR_TUN, MARK_KEY, switchEnd, tunnelName, uplinksOf } from '@plumbline/ovs-core';
import {
  controlSocketIn,
  parseTrace,
  SwitchAway,
  SwitchImage,
  type Entered,
  type SwitchPacket,
  type Traced,
  traceText,
} from '@plumbline/ovs-driver';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import { type BridgePlace, bridgesSay, type RulesRead } from './bridges.js';
import { pluggedBy } from './wiring.js';

const NUMBERS = { tcp: 6, udp: 17, icmp: 1 } as const;
const ICMPV6 = 58;
/** Types of echo requests and replies (RFC 792, RFC 4443). */
const ECHO = { 4: { asks: 8, answers: 0 }, 6: { asks: 128, answers: 129 } } as const;
const MOST_TEXT = 1_000;
/** OpenFlow's bit that says that there is a tag (VLAN_VID_PRESENT). */
const TAGGED = 0x1000;
const TAG = /^set_field:(\d+)->vlan_vid$/;

type Addressed = Pick<SwitchPacket, 'protocol' | 'src' | 'dst' | 'sport' | 'dport'>;

function addressed(
  { protocol, source, destination, sourcePort, destinationPort }: TracedPacket,
  asks: boolean,
): Addressed {
  const family = source.includes(':') ? 6 : 4;
  const ends = { src: source, dst: destination };
  if (protocol !== 'icmp') return { ...ends, protocol: NUMBERS[protocol], sport: sourcePort, dport: destinationPort };
  const type = ECHO[family][asks ? 'asks' : 'answers'];
  return { ...ends, protocol: family === 6 ? ICMPV6 : NUMBERS.icmp, sport: type, dport: 0 };
}

type Where = Pick<Entered, 'bridge' | 'port' | 'vlanId' | 'tunnel'>;

function tunnelInto(mirror: OvsdbMirror, { remoteIp, vni }: Extract<SwitchEntry, { at: 'tunnel' }>): Where | null {
  const row = mirror.interfaces().find(({ name }) => name === tunnelName(remoteIp));
  if (!row) return null;
  const localIp = row.options['local_ip'] ?? '';
  return { bridge: BR_TUN, port: row.name, tunnel: { vni, remoteIp, localIp } };
}

function placeOf(entry: SwitchEntry, mirror: OvsdbMirror): Where | null {
  switch (entry.at) {
    case 'port': {
      const [row] = pluggedBy(mirror, entry.portId);
      const port = row && mirror.portOf(row);
      const bridge = port && mirror.bridgeOf(port);
      return row && bridge ? { bridge: bridge.name, port: row.name } : null;
    }
    case 'tunnel':
      return tunnelInto(mirror, entry);
    case 'wire': {
      const [uplink] = uplinksIn(mirror, entry.bridge);
      return uplink === undefined ? null : { bridge: entry.bridge, port: uplink, vlanId: entry.vlanId };
    }
  }
}

function uplinksIn(mirror: OvsdbMirror, bridge: string): readonly string[] {
  const image = new SwitchImage(mirror);
  const observed = image.observe();
  image.close();
  const here = observed.get(bridge)?.ports;
  return uplinksOf(bridge, observed)
    .known.split(',')
    .filter((name) => here?.has(name));
}

/** `runDir`: Open vSwitch's run directory. `rules`: those on bridges, read when the packet crosses one. Rejects with SwitchAway. */
export async function switching(
  mirror: OvsdbMirror,
  runDir: string,
  { entry, sourceMac, destinationMac, packet, opened }: ParamsOf<'switching'>,
  rules: (version: IpVersion) => Promise<RulesRead>,
  signal?: AbortSignal,
): Promise<AnswerOf<'switching'>> {
  const where = placeOf(entry, mirror);
  if (!where) return { device: null, flows: [], outputs: [], remarks: [], bridges: [] };
  const socket = await controlSocketIn(runDir);
  if (socket === null) throw new SwitchAway(`there is no control socket of the switch in ${runDir}`);
  const asked = { ...addressed(packet, opened === null), srcMac: sourceMac, dstMac: destinationMac };
  const first = opened && { opened: addressed(opened, true) };
  const tracing = async (entered: Where): Promise<Traced> =>
    parseTrace(await traceText(socket, asked, { ...entered, ...first }, signal));
  const traced = entry.at === 'port' ? await tracing(where) : await throughEdge(tracing, where);
  const interfaces = new Map(mirror.interfaces().map((row) => [row.name, row]));
  const bridgeOf = (device: string): string => {
    const row = interfaces.get(device);
    const port = row && mirror.portOf(row);
    return (port && mirror.bridgeOf(port)?.name) ?? '';
  };
  const outputs = new Map<string, AnswerOf<'switching'>['outputs'][number]>();
  const named = [...traced.outputs, ...traced.devices.map((port) => ({ port, bridge: bridgeOf(port), tunId: null }))];
  for (const { port, bridge, tunId } of named) {
    const row = interfaces.get(port);
    if (row?.type === 'patch' || (!row && bridge === '')) continue;
    const remoteIp = row?.type === 'vxlan' ? (row.options['remote_ip'] ?? null) : null;
    const key = `${port} ${remoteIp === null ? '' : tunId}`;
    if (outputs.has(key)) continue;
    outputs.set(key, {
      ...{ bridge, device: port, portId: idOf(row?.external_ids['iface-id']) },
      ...{ remoteIp, vni: remoteIp === null ? null : tunId },
    });
  }
  const crossed: BridgePlace[] = [
    ...(entry.at === 'port' && where.port === switchEnd(entry.portId)
      ? [{ portId: entry.portId, direction: 'egress' } as const]
      : []),
    ...[...outputs.values()].flatMap(({ portId, device }) =>
      portId !== null && device === switchEnd(portId) ? [{ portId, direction: 'ingress' } as const] : [],
    ),
  ];
  const version = versionOf(packet.source);
  return {
    device: where.port,
    bridges:
      crossed.length === 0 ? [] : bridgesSay(await rules(version), crossed, packet, asked, first && first.opened),
    flows: traced.flows
      .filter(({ bridge }) => isOfUse(mirror, bridge))
      .slice(0, MOST_STEPS)
      .map(({ actions, match, ...flow }) => ({
        ...flow,
        match: match.slice(0, MOST_TEXT),
        actions: actions.slice(0, MOST_STEPS).map((action) => action.slice(0, MOST_TEXT)),
      })),
    outputs: [...outputs.values()].slice(0, MOST_STEPS),
    remarks: traced.remarks.slice(0, MOST_STEPS).map((remark) => remark.slice(0, MOST_TEXT)),
  };
}

/** Bridges that are no business of ours carry tunnels, too. */
const isOfUse = (mirror: OvsdbMirror, bridge: string): boolean =>
  bridge === BR_INT || bridge === BR_TUN || mirror.bridge(bridge)?.external_ids[MARK_KEY] !== undefined;

/**
 * From a tunnel or a wire into br-int. Behind a patch port a trace has forgotten the connection that it was told of, so the packet is traced again from there: with the local
 * tag that the edge gave it, or the one that it came with, which flows of br-int change.
 */
async function throughEdge(tracing: (entered: Where) => Promise<Traced>, where: Where): Promise<Traced> {
  const outer = await tracing(where);
  const at = outer.flows.findIndex(({ bridge }) => bridge === BR_INT);
  const port = /\bin_port="?([^",]+)"?/.exec(outer.flows[at]?.match ?? '')?.[1];
  if (port === undefined) return outer;
  const before = outer.flows.slice(0, at);
  const tags = before.flatMap(({ actions }) => actions).flatMap((action) => TAG.exec(action)?.[1] ?? []);
  const tag = tags.at(-1);
  const vlanId = tag === undefined ? (where.vlanId ?? null) : Number(tag) - TAGGED;
  const inner = await tracing({ bridge: BR_INT, port, vlanId });
  return { ...inner, flows: [...before, ...inner.flows], remarks: [...outer.remarks, ...inner.remarks] };
}

const idOf = (text: string | undefined): string | null =>
  text !== undefined && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null;
