/**
 * A trace as a member of a project may know it: the hops that are there for objects of his project, in general words; no host, no text of a flow or rule, nothing of what is of
 * others. What becomes of a packet behind his own objects is not told. Pure. What is not named here is not told.
 */
import type { ObjectKey } from '@plumbline/contracts';
import { forMember } from '../members.js';
import type { HopKind, HopTold, Trace, Way, WayTold } from './told.js';

/** Reasons that speak of nothing but the object by which it ends. */
const OF_ITS_OBJECT = new Set([
  ...['arrives', 'group', 'port-security', 'port-down', 'network-down', 'router-down', 'unbound', 'no-gateway'],
  'guest-address',
]);
const WORDS: Readonly<Record<HopKind, string>> = {
  instance: 'an instance of the project',
  flow: 'a flow of the switch',
  group: 'a rule of a security group',
  tunnel: 'a tunnel between nodes',
  wire: 'the wire of a provider network',
  namespace: 'a router of the project',
  rule: 'a rule of the router, or of the port',
  route: 'a route of the router',
  neighbour: 'who has the next address',
  outside: 'outside of the cloud',
  port: 'a port of the project',
};

/** `mine`: whether an object is of the member's project. */
export function traceForMember(
  { from, to, position, there, back, unknown }: Trace,
  projectId: string,
  mine: (key: ObjectKey) => boolean,
): Trace {
  const goes = wayForMember(there, projectId, mine);
  return {
    ...{ from, to, position, there: goes },
    // That there is an answer says that somebody else's object got the packet.
    back: back && goes.reason !== HIDDEN.reason ? wayForMember(back, projectId, mine) : null,
    unknown:
      unknown.length > 0
        ? ['what nodes or the wire would have to say: ask an administrator of this cloud (plumb trace)']
        : [],
  };
}

function wayForMember(way: WayTold, projectId: string, mine: (key: ObjectKey) => boolean): WayTold {
  const isMine = way.object !== null && mine(way.object);
  return {
    packet: way.packet,
    hops: way.hops.flatMap((hop) => hopForMember(hop, projectId, mine)),
    ...(isMine ? endForMember(way) : HIDDEN),
  };
}

const HIDDEN: Omit<Way, 'hops' | 'packet'> = {
  ...{ verdict: 'unknown', reason: 'not-yours', object: null },
  why: 'it leaves what is of your project; what becomes of it there is not told',
};

/** Of reasons that speak of nodes the verdict alone is told. */
function endForMember({ verdict, reason, why, object }: WayTold): Omit<Way, 'hops' | 'packet'> {
  if (OF_ITS_OBJECT.has(reason)) return { verdict, reason, why, object };
  const ask = 'ask an administrator of this cloud (plumb trace)';
  if (reason === 'no-route') return { verdict, reason, object, why: 'your router has no way to its destination' };
  return verdict === 'unknown'
    ? { verdict, reason: 'unknown', object, why: `it could not be found out: ${ask}` }
    : { verdict, reason: 'cloud', object, why: `something of the cloud stops it: ${ask}` };
}

function hopForMember(hop: HopTold, projectId: string, mine: (key: ObjectKey) => boolean): HopTold[] {
  const object = hop.object ?? hop.event?.object ?? null;
  if (object === null || !mine(object)) return [];
  const { kind, packet, before, of, event } = hop;
  return [
    {
      ...{ kind, packet, before, of, object, host: null, place: '', what: WORDS[kind], vni: null, vlan: null },
      position: event ? hop.position : null,
      event: event && forMember(event, projectId),
    },
  ];
}
