/** How instances are asked on their own node, by frames that go to their device alone: neither tunnels nor security groups nor anybody else on the network have a part in the answer. */
import { type Port, type Probe, type Subnet } from '@plumbline/contracts';
import { answered, type Facts, type ProbeAnswer, unknown, type Verdict, WELL } from '../check.js';
import { nearRouterOf } from './intent.js';
import { NOWHERE, NO_MAC } from './names.js';

/** Locally administered (RFC 7042): of nobody on the network. */
export const DOCTOR_MAC = '02:70:6c:75:6d:62';

export type Guest = Readonly<{ port: Port; host: string; ip: string; subnet: Subnet }>;

/** Judges an instance that has an IPv4 address and is plugged in. It is asked before that is known: nobody waits twice. */
export function ofGuest(port: Port, facts: Facts, judge: (guest: Guest) => Verdict): Verdict {
  const { host } = port.binding;
  const fixed = port.fixedIps.find(({ ipAddress }) => !ipAddress.includes(':'));
  const subnet = fixed && facts.objects.get('subnet', fixed.subnetId);
  if (host === '' || !fixed || !subnet || !port.adminStateUp) return null;
  return pluggedAt(port, facts, () => judge({ port, host, ip: fixed.ipAddress, subnet }));
}

/** The verdict, of a port that is plugged in on its node; of others null. It is asked for before that is known. */
export function pluggedAt(port: Port, facts: Facts, judge: () => Verdict): Verdict {
  const verdict = judge();
  const given = answered(facts.wiring(port.binding.host));
  if ('verdict' in given) return given.verdict;
  return given.told.ports.find(({ id }) => id === port.id)?.plugged.length === 0 ? null : verdict;
}

/** Who asks, as far as the instance sees: its gateway where a router has it. */
function askerOf(port: Port, { objects }: Facts): Readonly<{ mac: string; ip: string }> {
  const near = nearRouterOf(objects, port);
  return near ? { mac: near.interface.macAddress, ip: near.ip } : { mac: DOCTOR_MAC, ip: NOWHERE };
}

export const atGuest = (portId: string): Probe['place'] => ({ in: 'port', portId });

export function asked(facts: Facts, host: string, probe: Probe): ProbeAnswer | Verdict {
  const given = answered(facts.probe(host, probe));
  if ('verdict' in given) return given.verdict;
  return given.told.answered === null ? unknown(`${host} could not ask: ${given.told.text}`) : given.told;
}

export const isAnswer = (told: ProbeAnswer | Verdict): told is ProbeAnswer => told !== null && 'fromMac' in told;

/** Whether the instance has its address; a verdict where that is not known. */
export function hasAddress({ port, host, ip }: Guest, facts: Facts): boolean | Verdict {
  const told = asked(facts, host, {
    place: atGuest(port.id),
    kind: 'arp',
    from: askerOf(port, facts),
    to: { mac: NO_MAC, ip },
    port: 0,
  });
  return isAnswer(told) ? told.answered === true : told;
}

export function withoutAddress(port: Port, facts: Facts, judge: (guest: Guest) => Verdict): Verdict {
  return ofGuest(port, facts, (guest) => {
    const has = hasAddress(guest, facts);
    if (typeof has !== 'boolean') return has;
    return has ? WELL : judge(guest);
  });
}
