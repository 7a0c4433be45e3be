/** The last piece of the way: whether the instance answers, and to whom. */
import { type Port, type Probe } from '@plumbline/contracts';
import {
  byAdministrator,
  check,
  type Facts,
  fault,
  inGuest,
  type ProbeAnswer,
  unknown,
  type Verdict,
  WELL,
} from '../check.js';
import { letsIn, likelyPorts } from '../security.js';
import { type Guest, asked, atGuest, hasAddress, isAnswer, ofGuest } from './asking.js';
import { nearRouterOf } from './intent.js';
import { NOWHERE, nameOf } from './names.js';
import { outsideOf } from './outside.js';

/** What an instance is asked by: a ping, and TCP by likely ports, or what whoever asks named. */
function questionsTo(
  port: Port,
  { objects, traffic }: Facts,
): readonly Readonly<{ kind: 'echo' | 'syn'; port: number }>[] {
  if (traffic?.protocol === 'tcp') return [{ kind: 'syn', port: traffic.port }];
  if (traffic?.protocol === 'icmp') return [{ kind: 'echo', port: 0 }];
  return [
    { kind: 'echo', port: 0 },
    ...likelyPorts(objects, port).map((each) => ({ kind: 'syn' as const, port: each })),
  ];
}

/** Answers of the instance to the questions, all from one sender; a verdict where one is not known. */
function answersTo(
  guest: Guest,
  from: Probe['from'],
  place: Probe['place'],
  host: string,
  facts: Facts,
): readonly ProbeAnswer[] | Verdict {
  const all = questionsTo(guest.port, facts).map((question) =>
    asked(facts, host, { place, ...question, from, to: { mac: guest.port.macAddress, ip: guest.ip } }),
  );
  const missing = all.find((each) => !isAnswer(each));
  return missing === undefined ? all.filter(isAnswer) : (missing as Verdict);
}

const isList = (told: readonly ProbeAnswer[] | Verdict): told is readonly ProbeAnswer[] => Array.isArray(told);

const any = (answers: readonly ProbeAnswer[]): ProbeAnswer | undefined => answers.find(({ answered }) => answered);

export const guestChecks = [
  check({
    id: 'guest-answers',
    of: 'port',
    when: ['floating-ip', 'port'],
    needs: ['probe'],
    finds:
      'The instance has its address and answers nothing: neither ping nor TCP, not even by a refusal. Its own firewall drops them.',
    mends: 'Inside the instance: see its firewall (nft list ruleset, iptables -S).',
    whose: 'project',
    judge: (port, facts) =>
      ofGuest(port, facts, (guest) => {
        const near = nearRouterOf(facts.objects, port);
        if (!near) return null;
        const has = hasAddress(guest, facts);
        const answers = answersTo(
          guest,
          { mac: near.interface.macAddress, ip: near.ip },
          atGuest(port.id),
          guest.host,
          facts,
        );
        if (typeof has !== 'boolean') return has;
        if (!has) return null;
        if (!isList(answers)) return answers;
        if (any(answers)) return WELL;
        const what = facts.traffic?.protocol === 'tcp' ? `TCP port ${facts.traffic.port}` : 'neither ping nor TCP';
        return fault(
          facts.traffic
            ? `the instance of port ${nameOf(port)} has its address and does not answer ${facts.traffic.protocol === 'tcp' ? what : 'ping'}, not even by a refusal: its own firewall drops it`
            : `the instance of port ${nameOf(port)} has its address and answers ${what}, not even by a refusal: its own firewall drops them`,
          inGuest('inside the instance: see its firewall (nft list ruleset, iptables -S)'),
        );
      }),
  }),
  check({
    id: 'guest-gateway',
    of: 'port',
    when: ['floating-ip', 'port'],
    needs: ['probe'],
    finds:
      'The instance answers its neighbours and nobody beyond its subnet: its default route is missing, or leads to another address than its router.',
    mends: 'Inside the instance: ip route replace default via GATEWAY',
    whose: 'project',
    judge: (port, facts) =>
      ofGuest(port, facts, (guest) => {
        const near = nearRouterOf(facts.objects, port);
        const outside = near && outsideOf(near.router, facts);
        if (!near || !outside) return null;
        const mac = near.interface.macAddress;
        const neighbours = answersTo(guest, { mac, ip: near.ip }, atGuest(port.id), guest.host, facts);
        const beyond = answersTo(guest, { mac, ip: outside.ip }, atGuest(port.id), guest.host, facts);
        if (!isList(neighbours)) return neighbours;
        if (!isList(beyond)) return beyond;
        if (!any(neighbours)) return null;
        const answer = any(beyond);
        if (answer?.toMac === mac) return WELL;
        // Asked again while it is listened to whom it asks for: it asks for its gateway before it answers.
        const to = { mac: port.macAddress, ip: guest.ip };
        const heard = answer
          ? null
          : asked(facts, guest.host, {
              place: atGuest(port.id),
              kind: 'asked',
              from: { mac, ip: NOWHERE },
              to,
              port: 0,
            });
        const again = answer
          ? null
          : asked(facts, guest.host, {
              place: atGuest(port.id),
              kind: 'echo',
              from: { mac, ip: nextTo(outside.ip) },
              to,
              port: 0,
            });
        for (const each of [heard, again])
          if (each?.constructor === Object && !isAnswer(each) && each.is === 'pending') return each;
        const other = isAnswer(heard) && heard.answered === true && heard.text !== near.ip ? heard.text : null;
        const where = answer
          ? `it sends what goes beyond its subnet to ${answer.toMac}, and its router has ${mac}`
          : other === null
            ? 'it has no way beyond its subnet'
            : `it asks for ${other}, and its gateway is ${near.ip}`;
        return fault(
          `the instance of port ${nameOf(port)} answers its neighbours only: ${where}`,
          inGuest(`inside the instance: ip route replace default via ${near.ip}`),
        );
      }),
  }),
  check({
    id: 'way-to-guest',
    of: 'port',
    when: ['floating-ip', 'port'],
    needs: ['probe'],
    finds:
      'The instance answers on its own device, and what its router sends to it is not answered: packets are lost between them.',
    mends: 'plumb status; look at the flows of both nodes.',
    whose: 'cloud',
    judge: (port, facts) =>
      ofGuest(port, facts, (guest) => {
        const near = nearRouterOf(facts.objects, port);
        if (!near?.router.host || !near.router.adminStateUp) return null;
        const from = { mac: near.interface.macAddress, ip: near.ip };
        const there = answersTo(guest, from, atGuest(port.id), guest.host, facts);
        const place = { in: 'router', routerId: near.router.id, portId: near.interface.id, gateway: false } as const;
        const here = answersTo(guest, from, place, near.router.host, facts);
        if (!isList(there)) return there;
        if (!isList(here)) return here;
        const asks = questionsTo(port, facts);
        const allowed = asks.map(({ kind, port: number }) =>
          letsIn(
            facts.objects,
            port,
            near.ip,
            kind === 'echo' ? { protocol: 'icmp', port: 0 } : { protocol: 'tcp', port: number },
          ),
        );
        const decisive = asks.map((_, at) => at).filter((at) => allowed[at] === true && there[at]?.answered === true);
        if (decisive.length === 0) return unknown('no security group lets its router in by what the instance answers');
        if (decisive.some((at) => here[at]?.answered === true)) return WELL;
        return fault(
          `the instance of port ${nameOf(port)} answers on ${guest.host}, and does not answer router ${nameOf(near.router)} on ${near.router.host}: packets are lost between the two`,
          byAdministrator(`plumb status; then the flows of both nodes (ovs-appctl ofproto/trace)`),
        );
      }),
  }),
] as const;

/** An address beside this one: what went to this one may be remembered. */
function nextTo(ip: string): string {
  const [a = '', b = '', c = '', last = ''] = ip.split('.');
  return [a, b, c, String((Number(last) % 253) + 1)].join('.');
}
