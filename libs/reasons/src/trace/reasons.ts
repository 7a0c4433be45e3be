/** Why a packet ends where it does, in a word for programs and a sentence: by the flow that it met last, by the state of a port. Pure. */
import { type MetFlow, type Network, type Port } from '@plumbline/contracts';
import { BR_INT, firewallTables, pipeline } from '@plumbline/ovs-core';
import { hostOfPort } from '../doctor/scene.js';
import type { Objects } from '../doctor/subject.js';

export type Why = Readonly<{ reason: string; why: string }>;

const nameOf = (object: Readonly<{ id: string; name: string }>): string => object.name || object.id;
export const portText = (port: Port): string => `port ${nameOf(port)}`;

/** What the log itself says of why no packet passes a port; null: nothing. */
export function troubleOf(objects: Objects, port: Port): Why | null {
  const network = objects.get('network', port.networkId);
  if (!port.adminStateUp) return { reason: 'port-down', why: `${portText(port)} is administratively down` };
  if (network && !network.adminStateUp)
    return { reason: 'network-down', why: `network ${nameOf(network)} is administratively down` };
  if (hostOfPort(objects, port) !== '') return null;
  const router = objects.get('router', port.deviceId);
  if (!router) return { reason: 'unbound', why: `${portText(port)} is bound to no node: nothing has it` };
  return router.adminStateUp
    ? { reason: 'router-off', why: `router ${nameOf(router)} is on no node` }
    : { reason: 'router-down', why: `router ${nameOf(router)} is administratively down` };
}

const { TABLE, RULES } = firewallTables;
const JUDGES: readonly number[] = [...Object.values(RULES.stateful), ...Object.values(RULES.stateless)];
export const isJudged = ({ bridge, table }: MetFlow): boolean => bridge === BR_INT && JUDGES.includes(table);
const IDENTITY: readonly number[] = [
  ...[TABLE.identity, TABLE.ndTarget, TABLE.ndOption, TABLE.unspecified],
  ...[pipeline.TABLE.arpSpoofing, pipeline.TABLE.macSpoofing],
];
const UNKNOWN_MAC: readonly number[] = [TABLE.unknown, pipeline.TABLE.flood];

/** The flow that ended it: the last that drops, else the last. */
export const endOfFlows = (flows: readonly MetFlow[]): MetFlow | undefined =>
  flows.filter(({ of, actions }) => of === 'none' || actions.length === 0 || actions.includes('drop')).at(-1) ??
  flows.at(-1);

/** `sender`, `receiver`: the ports that the switch judges. `answers`: the packet answers another, so it is judged by the rules that let that one through. */
export function whyByFlow(
  flow: MetFlow | undefined,
  host: string,
  network: Network,
  { sender, receiver, answers }: Readonly<{ sender: Port | null; receiver: Port | null; answers: boolean }>,
): Why & Readonly<{ port: Port | null }> {
  const { bridge = '', table = 0, match = '' } = flow ?? {};
  const by = flow ? `flow of ${bridge}, table ${table}` : 'its switch';
  if (flow && isJudged(flow)) {
    const byEgress = table === RULES.stateful.egress || table === RULES.stateless.egress;
    const turned = answers && (table === RULES.stateful.egress || table === RULES.stateful.ingress);
    const out = byEgress !== turned;
    const port = out ? sender : receiver;
    const whose = port ? `of ${portText(port)} ` : '';
    return { reason: 'group', why: `no rule of the security groups ${whose}lets it ${out ? 'out' : 'in'}`, port };
  }
  if (bridge === BR_INT && IDENTITY.includes(table) && sender)
    return { reason: 'port-security', why: `${portText(sender)} may not send from this address and MAC`, port: sender };
  if (bridge === BR_INT && table === TABLE.classify)
    return {
      reason: 'not-wired',
      why: /dl_vlan=4095|vlan_tci=0x1fff/.test(match)
        ? `the port that it comes in by is not wired on ${host}`
        : `the switch of ${host} takes nothing in by this port`,
      port: sender,
    };
  if (UNKNOWN_MAC.includes(table))
    return {
      reason: 'no-way',
      why: `the switch of ${host} knows nobody on network ${nameOf(network)} with its MAC`,
      port: receiver,
    };
  return { reason: 'flow', why: `a ${by} of ${host} leads it nowhere further`, port: receiver };
}
