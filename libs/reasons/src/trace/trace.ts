/** The way of a packet and of its answer, between what two texts name. Pure but for the questions that it yields (walk.ts). */
import { type AnyObject, cidrContains, type TracedPacket } from '@plumbline/contracts';
import { subnetsOf } from '../doctor/scene.js';
import type { Objects } from '../doctor/subject.js';
import { answerTo, packetOf, type TraceTraffic } from './asked.js';
import { addressesOf, BadEnd, type End, endOf, endTold } from './ends.js';
import type { Walked } from './told.js';
import type { Begin, Passed } from './trail.js';
import { type Asking, Walk } from './walk.js';

export type TraceAsked = Readonly<{ from: string; to: string; traffic: TraceTraffic }>;
export type Between = Readonly<{ asked: TraceAsked; from: End; to: End; begin: Begin; packet: TracedPacket }>;

/** What the texts name. `sees`: whether whoever asks may know of an object. Throws BadEnd. */
export function between(objects: Objects, asked: TraceAsked, sees: (object: AnyObject) => boolean): Between {
  const from = endOf(objects, asked.from, sees);
  const to = endOf(objects, asked.to, sees);
  const targets = addressesOf(to, 'to');
  const sources = addressesOf(from, 'from');
  const pair = sources
    .flatMap((source) => targets.map((target) => ({ source, target })))
    .sort((a, b) => Number(isSix(a.source)) - Number(isSix(b.source)))
    .find(({ source, target }) => isSix(source) === isSix(target));
  if (!pair)
    throw new BadEnd(`'${asked.from}' and '${asked.to}' have no addresses of one IP version: nothing can be sent`);
  return {
    asked,
    from,
    to,
    begin: beginAt(objects, from, to),
    packet: packetOf(asked.traffic, pair.source, pair.target),
  };
}

const isSix = (address: string): boolean => address.includes(':');

function beginAt(objects: Objects, from: End, to: End): Begin {
  switch (from.sort) {
    case 'port':
      return portAsBegin(objects, from.port);
    case 'floating': {
      const { association, floatingIpAddress } = from.floatingIp;
      const port = association && objects.get('port', association.portId);
      if (!port) throw new BadEnd(`floating IP ${floatingIpAddress} leads to no port: nobody sends from it`);
      return { at: 'port', port };
    }
    case 'outside': {
      const { address } = from;
      const isOn = (networkId: string): boolean =>
        subnetsOf(objects, networkId).some(({ cidr }) => cidrContains(cidr, address));
      const of = to.sort === 'floating' ? objects.get('network', to.floatingIp.floatingNetworkId) : undefined;
      const network = from.network && isOn(from.network.id) ? from.network : (of ?? from.network);
      if (!network)
        throw new BadEnd(`from which external network ${address} comes is not known: name it, ${address}@NETWORK`);
      return { at: 'outside', network };
    }
  }
}

/** A router's own port sends by the routes of its router. */
function portAsBegin(objects: Objects, port: Extract<End, { sort: 'port' }>['port']): Begin {
  const router = port.deviceOwner.startsWith('network:router') ? objects.get('router', port.deviceId) : undefined;
  return router ? { at: 'router', router } : { at: 'port', port };
}

export function* trace(objects: Objects, { asked, from, to, begin, packet }: Between): Asking<Walked> {
  const passed: Passed = { opened: new Map(), connections: new Map() };
  const unknown = new Set<string>();
  const there = yield* new Walk(objects, passed, false, unknown).run(begin, packet);
  const back =
    there.at === null ? null : yield* new Walk(objects, passed, true, unknown).run(there.at, answerTo(there.packet));
  return {
    from: endTold(from, asked.from, packet.source),
    to: endTold(to, asked.to, packet.destination),
    there: there.way,
    back: back?.way ?? null,
    unknown: [...unknown],
  };
}
