/**
 * Flows as ovs-ofctl(8) reads and prints them. Compared is the text of `dump-flows -O OpenFlow14 --no-stats --names`: OpenFlow 1.4 is the first that
 * `--bundle` works with, and prints each action in one form only.
 */
import {
  BR_INT,
  type Flow,
  firewallTables,
  flowLine,
  type FlowStep,
  LEARNED_COOKIES,
  ObservedFlows,
  OUR_COOKIES,
  pipeline,
  readCookie,
} from '@plumbline/ovs-core';

const LEARNED_ON_BR_TUN = pipeline.TABLE.unicast;
const LEARNED_ON_BR_INT = firewallTables.TABLE.known;

/**
 * Reads a dump. Learned flows of ours are left out: the switch makes and ages them. Only where they send to is read: to a port that is gone, `--names` prints
 * the number it had. Throws on a line that is not a flow. `wanted`: what the dump has of these as it is here is the same object, and nothing that is returned
 * keeps the dump in memory.
 */
export function parseFlows(dump: string, wanted: readonly Flow[] = []): ObservedFlows {
  const likely = new Map(wanted.map((flow) => [flow.key, flow]));
  const ours = new Map<string, Readonly<{ actions: string; position: number }>>();
  const foreign = new Set<string>();
  const lostPorts = new Set<number>();
  for (const line of dump.split('\n')) {
    if (!line.startsWith(' ')) continue; // the reply's header, and the empty last line
    const found = /^ (?:cookie=(0x[0-9a-f]+), )?(.*?) ?actions=(.*)$/.exec(line);
    if (!found) throw new Error(`ovs-ofctl printed a line that is not a flow: ${line}`);
    const [, cookie = '0x0', key = '', actions = ''] = found;
    const owner = readCookie(cookie);
    const flow = likely.get(key);
    if (!owner.ours) foreign.add(copyOf(key));
    else if (owner.learned) noteLost(actions, lostPorts);
    else if (flow?.actions === actions && flow.position === owner.position) ours.set(flow.key, flow);
    else ours.set(flow?.key ?? copyOf(key), { actions: copyOf(actions), position: owner.position });
  }
  return { ours, foreign, lostPorts };
}

function noteLost(actions: string, lostPorts: Set<number>): void {
  for (const [, port = ''] of actions.matchAll(/\boutput:(\d+)/g)) lostPorts.add(Number(port));
}

/** A part of a text is a reference into it, which keeps the whole. */
const copyOf = (part: string): string => Buffer.from(part).toString();

/** The input of `ovs-ofctl --bundle add-flows BRIDGE -`: one atomic change (OpenFlow 1.4, 7.3.9). Removals use our cookie mask, so an equal flow of others stays. */
export function bundleText(step: FlowStep): string {
  const learned = step.bridge === BR_INT ? LEARNED_ON_BR_INT : LEARNED_ON_BR_TUN;
  const forget = step.forget.map(
    ({ localVlanId, mac }) =>
      `delete cookie=${LEARNED_COOKIES}, table=${learned}, vlan_tci=0x${localVlanId.toString(16).padStart(4, '0')}/0x0fff${mac === undefined ? '' : `,dl_dst=${mac}`}`,
  );
  const toPorts = step.forgetPorts.map(
    (port) => `delete cookie=${LEARNED_COOKIES}, table=${learned}, out_port=${port}`,
  );
  const remove = step.remove.map((key) => `delete_strict cookie=${OUR_COOKIES}, ${withoutTimeouts(key)}`);
  const add = step.add.map((flow) => `add ${flowLine(flow.key, flow.position, flow.actions)}`);
  return [...forget, ...toPorts, ...remove, ...add, ''].join('\n');
}

/** Our flows have none; if somebody added one to a flow of ours, it must still be removed. */
const withoutTimeouts = (key: string): string => key.replace(/\b(?:idle_timeout|hard_timeout|importance)=\d+, ?/g, '');
