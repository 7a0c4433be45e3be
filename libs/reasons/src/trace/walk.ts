/**
 * A packet's way, hop by hop: from whoever sends it through switches and routers to whom it is for. The log says who is where; nodes say what their flows, rules and routes do
 * with the packet. What a node must say is yielded as a question, and the answer is handed back: whoever runs the walk asks. Pure but for that: same log, same answers, same way.
 *
 *     port ─► next hop, by the subnet ─► who has that address, by the log ─► switch of the sender's node
 *        ▲                                                                        │ tunnel or wire
 *        │                                                                        ▼
 *        └── leaves by a port ◄── namespace of a router ◄── the port's device ◄── switch of the other node
 *
 * A node that does not answer is passed by what the log says, and what the walk then finds is not certain: it never says that such a packet arrives.
 */
import {
  type AnswerOf,
  cidrContains,
  DEVICE_OWNER,
  isRouterPort,
  keyOf,
  type Network,
  own,
  type Port,
  type Probe,
  type Router,
  type SwitchEntry,
  type TracedPacket,
} from '@plumbline/contracts';
import { BR_INT, BR_TUN } from '@plumbline/ovs-core';
import { atGuest, DOCTOR_MAC } from '../doctor/checks/asking.js';
import { NOWHERE } from '../doctor/checks/names.js';
import { askedBy, isIpv6, neighbourProbe } from '../doctor/checks/neighbour.js';
import type { Heard, Wanted } from '../doctor/examine.js';
import { hostOfPort, subnetsOf } from '../doctor/scene.js';
import type { Objects } from '../doctor/subject.js';
import { byGroups } from './judged.js';
import { holderOf, nextHopOf } from './neighbours.js';
import { portText, troubleOf } from './reasons.js';
import { routedByLog } from './router-by-log.js';
import { portOf, routed } from './router-hops.js';
import { type Frame, lostIn, switched } from './switch-hops.js';
import { type PacketTold, packetTold, type Way } from './told.js';
import { type Begin, type Ended, nameOf, type Passed, Trail } from './trail.js';

export type Asking<T> = Generator<Wanted, T, Heard>;

type RoutingAnswer = AnswerOf<'routing'>;
/** Namespaces, and switches between two of them, that a packet passes before it is thought to go round in circles. */
const MOST_ROUTERS = 8;
const MOST_SWITCHES = 4;
/** How long a node waits for a neighbour's answer, in milliseconds, the first time and the second. */
const NEIGHBOUR_MS = [500, 1_800] as const;

const isServer = ({ deviceOwner, servesDhcp }: Port): boolean => servesDhcp || deviceOwner === DEVICE_OWNER.dhcp;

export class Walk {
  private readonly trail: Trail;
  private routers = 0;

  /** `answers`: this is the way back. `unknown` gets a sentence for each thing that is not known. */
  constructor(
    private readonly objects: Objects,
    private readonly passed: Passed,
    private readonly answers: boolean,
    unknown: Set<string>,
  ) {
    this.trail = new Trail(objects, passed, answers, unknown);
  }

  *run(begin: Begin, packet: TracedPacket): Asking<Readonly<{ way: Way; at: Begin | null; packet: TracedPacket }>> {
    const ended = yield* this.from(begin, packet);
    const isOnlyLog = this.trail.byLog && ended.verdict === 'arrives';
    const { reason, why, object, at } = ended;
    const verdict = isOnlyLog ? 'unknown' : ended.verdict;
    const last = this.trail.hops.at(-1)?.packet;
    return {
      way: {
        ...{ packet: packetTold(packet), hops: this.trail.hops, verdict, object },
        reason: isOnlyLog ? 'silent' : reason,
        why: isOnlyLog ? `as far as the log says, ${why}` : why,
      },
      at,
      packet: last ? tracedOf(last) : packet,
    };
  }

  private from(begin: Begin, packet: TracedPacket): Asking<Ended> {
    switch (begin.at) {
      case 'port':
        return this.fromPort(begin.port, packet);
      case 'router':
        return this.throughRouter(begin.router, null, packet);
      case 'outside':
        return this.fromOutside(begin.network, packet);
    }
  }

  private *fromPort(port: Port, packet: TracedPacket): Asking<Ended> {
    const host = hostOfPort(this.objects, port);
    const who = isServer(port) ? 'the DHCP server of the network' : `the instance of ${portText(port)}`;
    this.trail.hop('instance', host, packet, `${who} sends it`, {
      object: keyOf(port),
      position: port.setAt['fixedIps'],
    });
    const trouble = troubleOf(this.objects, port);
    if (trouble) return this.trail.dropped(trouble, port);
    const network = this.objects.get('network', port.networkId);
    const nextHop = nextHopOf(this.objects, port, packet.source, packet.destination);
    if (!network) return this.trail.dropped({ reason: 'gone', why: 'its network is gone' }, port);
    if (nextHop === null)
      return this.trail.dropped(
        {
          reason: 'no-gateway',
          why: `the subnet of ${portText(port)} has no gateway: nothing leads to ${packet.destination}`,
        },
        port,
      );
    return yield* this.onNetwork(network, port, host, packet, nextHop);
  }

  private *fromOutside(network: Network, packet: TracedPacket): Asking<Ended> {
    this.trail.hop('outside', null, packet, `somebody on network ${nameOf(network)} sends it`, {
      object: keyOf(network),
    });
    const isNear = subnetsOf(this.objects, network.id).some(({ cidr }) => cidrContains(cidr, packet.destination));
    if (!isNear)
      return {
        ...{ verdict: 'unknown', reason: 'outside-route', object: keyOf(network), at: null },
        why: `whether anything outside leads to ${packet.destination} is not in the log: it is on no subnet of network ${nameOf(network)}`,
      };
    return yield* this.onNetwork(network, null, null, packet, packet.destination);
  }

  /** From a port of a node, or from outside (`host` null), to whoever has the address `nextHop`. */
  private *onNetwork(
    network: Network,
    sender: Port | null,
    host: string | null,
    packet: TracedPacket,
    nextHop: string,
  ): Asking<Ended> {
    const receiver = holderOf(this.objects, network, nextHop);
    const trouble = receiver && troubleOf(this.objects, receiver);
    if (!this.answers && !this.passed.opened.has(network.id)) this.passed.opened.set(network.id, packet);
    if (receiver && trouble) {
      this.trail.hop('neighbour', null, packet, `${nextHop} is ${portText(receiver)}`, { object: keyOf(receiver) });
      return this.trail.dropped({ ...trouble, why: `nobody answers for ${nextHop}: ${trouble.why}` }, receiver);
    }
    if (!receiver) {
      const absent = yield* this.isAbsent(network, sender, nextHop, packet);
      if (absent) return absent;
    }
    const at = host ?? (receiver ? hostOfPort(this.objects, receiver) : null);
    const bridge = at === null ? undefined : this.bridgeOf(at, network);
    if (at === null || (!sender && bridge === undefined))
      return this.trail.dropped(
        { reason: 'no-neighbour', why: `nobody of the cloud has ${nextHop} on network ${nameOf(network)}` },
        network,
      );
    const entry: SwitchEntry = sender
      ? { at: 'port', portId: sender.id }
      : { at: 'wire', bridge: bridge ?? '', vlanId: network.networkType === 'vlan' ? network.segmentationId : null };
    const frame: Frame = {
      ...{ network, host: at, entry, sender, packet, receiver },
      sourceMac: sender?.macAddress ?? DOCTOR_MAC,
      destinationMac: receiver ? macOf(receiver, nextHop) : DOCTOR_MAC,
    };
    const crossed = yield* this.cross(frame);
    if (crossed !== 'crossed') return crossed;
    return receiver ? yield* this.deliver(receiver, network, packet) : this.outside(network, packet);
  }

  /** Nobody of the log has the address: on a network of tunnels nobody has, on a wire somebody else may. */
  private *isAbsent(
    network: Network,
    sender: Port | null,
    nextHop: string,
    packet: TracedPacket,
  ): Asking<Ended | null> {
    const nobody = { reason: 'no-neighbour', why: `nobody on network ${nameOf(network)} answers for ${nextHop}` };
    if (network.physicalNetwork === null) {
      this.trail.hop('neighbour', null, packet, nobody.why, { object: keyOf(network) });
      return this.trail.dropped(nobody, network);
    }
    const router =
      (sender && this.objects.get('router', sender.deviceId)) ||
      this.objects.all('router').find(({ gateway, host }) => gateway?.networkId === network.id && host !== null);
    const gateway = router?.gateway && this.objects.get('port', router.gateway.portId);
    const own_ = gateway?.fixedIps.find(({ ipAddress }) => !isIpv6(ipAddress))?.ipAddress;
    if (!router?.host || gateway?.networkId !== network.id || (own_ === undefined && !isIpv6(nextHop))) {
      this.trail.unknown.add(`whether anybody on the wire of network ${nameOf(network)} has ${nextHop}`);
      return null;
    }
    const place: Probe['place'] = { in: 'router', routerId: router.id, portId: gateway.id, gateway: true };
    const probe = neighbourProbe(place, { mac: gateway.macAddress, ip: own_ ?? NOWHERE }, nextHop);
    const answered = yield* this.probed(router.host, probe);
    if (answered === null) {
      this.trail.unknown.add(`whether anybody on the wire of network ${nameOf(network)} has ${nextHop}`);
      return null;
    }
    const what = answered ? `${nextHop} answers ${askedBy(nextHop)} on the wire` : nobody.why;
    this.trail.hop('neighbour', router.host, packet, what, { object: keyOf(network) });
    return answered ? null : this.trail.dropped(nobody, network);
  }

  /** Null: it could not be asked. A frame may be lost, or its answer late: silence is asked again, with more patience. */
  private *probed(host: string, probe: Probe): Asking<boolean | null> {
    let answered: boolean | null = null;
    for (const forMs of NEIGHBOUR_MS) {
      const heard = yield { host, agent: null, question: 'probe', params: { probes: [probe], forMs }, keys: [] };
      if ('silent' in heard) return answered;
      answered = (heard.answer as AnswerOf<'probe'>).answers[0]?.answered ?? null;
      if (answered !== false) return answered;
    }
    return answered;
  }

  /** From where it comes into the first switch to the device of the receiver, or onto the wire. */
  private *cross(frame: Frame): Asking<Ended | 'crossed'> {
    const { network, packet, receiver, sender } = frame;
    const to = receiver ? hostOfPort(this.objects, receiver) : null;
    let { host, entry } = frame;
    for (let turn = 0; turn < MOST_SWITCHES; turn += 1) {
      const opened = this.answers ? (this.passed.opened.get(network.id) ?? null) : null;
      const { sourceMac, destinationMac } = frame;
      const params = { entry, sourceMac, destinationMac, packet, opened };
      const heard = yield { host, agent: null, question: 'switching', params, keys: [] };
      const told = 'answer' in heard ? (heard.answer as AnswerOf<'switching'>) : null;
      if (!told) {
        const judged = this.switchedByLog(frame, host, entry);
        if (judged) return judged;
      } else {
        const ended = switched(this.trail, frame, host, entry, told);
        if (ended) return ended;
        if (receiver && told.outputs.some(({ portId }) => portId === receiver.id)) return 'crossed';
      }
      if (to === host) return told ? lostIn(this.trail, told, host, frame) : 'crossed';
      const vni = network.networkType === 'vxlan' ? network.segmentationId : null;
      const far = to === null ? null : (this.objects.get('node', to)?.tunnelIp ?? null);
      const near = this.objects.get('node', host)?.tunnelIp ?? null;
      if (vni !== null && to !== null && near !== null) {
        if (told && !told.outputs.some(({ remoteIp }) => remoteIp === far))
          return lostIn(this.trail, told, host, frame);
        this.trail.hop('tunnel', host, packet, `to ${to} (${far}), network number ${vni}`, {
          object: keyOf(network),
          vni,
        });
        [host, entry] = [to, { at: 'tunnel', remoteIp: near, vni }];
        continue;
      }
      const isOnWire = ({ portId, remoteIp, bridge, device }: AnswerOf<'switching'>['outputs'][number]): boolean =>
        portId === null && remoteIp === null && bridge !== BR_INT && bridge !== BR_TUN && device !== bridge;
      const wire = told?.outputs.find(isOnWire);
      if (told && !wire) return lostIn(this.trail, told, host, frame);
      const vlan = network.networkType === 'vlan' ? network.segmentationId : null;
      const way = `by ${wire?.device ?? 'the uplink'} onto the wire of ${network.physicalNetwork ?? 'the network'}`;
      this.trail.hop('wire', host, packet, way, { object: keyOf(network), vlan, place: wire?.bridge ?? '' });
      const bridge = to === null ? undefined : this.bridgeOf(to, network);
      if (to === null) return 'crossed';
      if (bridge === undefined)
        return this.trail.dropped(
          { reason: 'no-mapping', why: `${to} has no bridge for physical network ${network.physicalNetwork}` },
          network,
        );
      [host, entry] = [to, { at: 'wire', bridge, vlanId: vlan }];
    }
    return this.trail.dropped({ reason: 'loop', why: `it goes from switch to switch` }, sender ?? network);
  }

  private bridgeOf(host: string, { physicalNetwork }: Network): string | undefined {
    const mappings = this.objects.get('node', host)?.bridgeMappings ?? {};
    return physicalNetwork === null ? undefined : own(mappings, physicalNetwork);
  }

  /** What is known of a switch that did not answer. */
  private switchedByLog({ packet, sender, receiver }: Frame, host: string, entry: SwitchEntry): Ended | null {
    this.trail.silent(host);
    const isHere = receiver !== null && hostOfPort(this.objects, receiver) === host;
    return (
      (sender && entry.at === 'port' && byGroups(this.trail, sender, 'egress', packet, host)) ||
      (isHere && byGroups(this.trail, receiver, 'ingress', packet, host)) ||
      null
    );
  }

  private *deliver(port: Port, network: Network, packet: TracedPacket): Asking<Ended> {
    if (isRouterPort(port)) {
      const router = this.objects.get('router', port.deviceId);
      return router
        ? yield* this.throughRouter(router, port, packet)
        : this.trail.dropped({ reason: 'gone', why: 'its router is gone' }, port);
    }
    const host = hostOfPort(this.objects, port);
    const at: Begin = { at: 'port', port };
    if (isServer(port)) {
      this.trail.hop('namespace', host, packet, `the DHCP server of network ${nameOf(network)} gets it`, {
        ...{ place: `qdhcp-${network.id}`, object: keyOf(port) },
      });
      return this.trail.arrives(`it reaches the DHCP server of network ${nameOf(network)}`, port, at);
    }
    const asker = { mac: DOCTOR_MAC, ip: NOWHERE };
    const probe = neighbourProbe(atGuest(port.id), asker, packet.destination);
    const answered = yield* this.probed(host, probe);
    if (answered === null)
      this.trail.unknown.add(`whether the instance of ${portText(port)} has ${packet.destination}`);
    if (answered === false)
      return this.trail.dropped(
        {
          reason: 'guest-address',
          why: `the instance of ${portText(port)} does not answer for ${packet.destination}`,
        },
        port,
      );
    this.trail.hop('instance', host, packet, `the instance of ${portText(port)} gets it`, { object: keyOf(port) });
    return this.trail.arrives(`it reaches the instance of ${portText(port)}`, port, at);
  }

  private outside(network: Network, packet: TracedPacket): Ended {
    const why = `it leaves the cloud by network ${nameOf(network)}; what is beyond is not looked at`;
    this.trail.hop('outside', null, packet, why, { object: keyOf(network) });
    return this.trail.arrives(why, network, { at: 'outside', network });
  }

  /** `port` null: the router itself sends it. */
  private *throughRouter(router: Router, port: Port | null, packet: TracedPacket): Asking<Ended> {
    const { host } = router;
    const place = `qrouter-${router.id}`;
    this.routers += 1;
    if (this.routers > MOST_ROUTERS)
      return this.trail.dropped({ reason: 'loop', why: `it goes in circles by router ${nameOf(router)}` }, router);
    if (host === null)
      return this.trail.dropped({ reason: 'router-off', why: `router ${nameOf(router)} is on no node` }, router);
    this.trail.hop('namespace', host, packet, `router ${nameOf(router)} ${port ? 'takes it in' : 'sends it'}`, {
      ...{ place, object: keyOf(router), position: router.setAt['host'] },
    });
    const enters = port && { portId: port.id, gateway: port.deviceOwner === DEVICE_OWNER.routerGateway };
    const connection = this.answers ? (this.passed.connections.get(router.id) ?? null) : null;
    const params = { routerId: router.id, enters, packet, connection };
    const heard = yield { host, agent: null, question: 'routing', params, keys: [] };
    const silent = 'silent' in heard;
    if (silent) this.trail.silent(host);
    const told = silent
      ? routedByLog(this.objects, router, { packet, connection, port })
      : (heard.answer as RoutingAnswer);
    if (!told.there)
      return this.trail.dropped(
        { reason: 'no-namespace', why: `the namespace of router ${nameOf(router)} is not on ${host}` },
        router,
      );
    routed(this.trail, router, host, place, packet, told);
    if (!this.answers && told.connection && !this.passed.connections.has(router.id))
      this.passed.connections.set(router.id, told.connection);
    for (const { table, chain, line } of told.unjudged)
      this.trail.unknown.add(
        `whether a rule of somebody else applies, which cannot be judged: ${table} ${chain} ${line} in the namespace of router ${nameOf(router)}`,
      );
    return yield* this.beyond(router, host, told);
  }

  private *beyond(router: Router, host: string, told: RoutingAnswer): Asking<Ended> {
    const { packet, device, nextHop } = told;
    switch (told.end) {
      case 'dropped': {
        const by = told.rules.at(-1);
        const whose = by?.of === 'foreign' ? 'somebody else' : `router ${nameOf(router)}`;
        return this.trail.dropped(
          { reason: by?.of === 'foreign' ? 'foreign-rule' : 'rule', why: `a rule of ${whose} drops it` },
          router,
        );
      }
      case 'unroutable':
        return this.trail.dropped(
          { reason: 'no-route', why: `router ${nameOf(router)} has no way to ${packet.destination}: ${told.route}` },
          router,
        );
      case 'delivered': {
        const proxy = told.rules.some(({ did }) => did === 'redirect') ? ', whose metadata proxy answers' : ' itself';
        return this.trail.arrives(`it is for router ${nameOf(router)}${proxy}`, router, { at: 'router', router });
      }
      case 'forwarded': {
        const out = portOf(this.objects, router, device ?? '');
        const network = out && this.objects.get('network', out.networkId);
        if (!out || !network || nextHop === null)
          return this.trail.dropped(
            {
              reason: 'foreign-device',
              why: `router ${nameOf(router)} sends it by ${device}, which is none of its ports`,
            },
            router,
          );
        return yield* this.onNetwork(network, out, host, packet, nextHop);
      }
    }
  }
}

const tracedOf = ({ protocol, source, destination, sport, dport }: PacketTold): TracedPacket => ({
  ...{ protocol, source, destination, sourcePort: sport, destinationPort: dport },
});

/** A pair's address may have a MAC of its own. */
const macOf = ({ macAddress, allowedAddressPairs, fixedIps }: Port, address: string): string =>
  fixedIps.some(({ ipAddress }) => ipAddress === address)
    ? macAddress
    : (allowedAddressPairs.find(({ ipAddress }) => ipAddress === address)?.macAddress ?? macAddress);
