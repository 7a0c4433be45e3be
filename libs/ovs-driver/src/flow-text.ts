/**
 * Flows as ovs-ofctl(8) reads and prints them. Compared is the text of `dump-flows -O OpenFlow14 --no-stats --names`: OpenFlow 1.4 is the first that
 * `--bundle` works with, and prints each action in one form only. But ovs-ofctl and the switch speak of numbers (`--no-names`): to understand a name ovs-ofctl asks
 * the switch each time for all of its ports and for the features of its 254 tables, which cost it more than a thousand flows. Names of ports are in the database,
 * which is in memory.
 */
import {
  BR_INT,
  type Flow,
  firewallTables,
  flowLine,
  type FlowStep,
  isFlowPort,
  LEARNED_COOKIES,
  type ObservedBridge,
  ObservedFlows,
  OUR_COOKIES,
  pipeline,
  portText,
  readCookie,
} from '@plumbline/ovs-core';

/** The action that copies a packet to us. */
export const COPIES = 'controller(';
const LEARNED_ON_BR_TUN = pipeline.TABLE.unicast;
const LEARNED_ON_BR_INT = firewallTables.TABLE.known;

/**
 * Reads a dump (`--no-names`) of a bridge with these ports. Learned flows of ours are left out: the switch makes and ages them. Only where they send to is read, to
 * find the numbers that no port has; a port that is gone is a number in our own flows, too. Throws on a line that is not a flow. `wanted`: what the dump has of these
 * as it is here is the same object, and nothing that is returned keeps the dump in memory.
 */
export function parseFlows(dump: string, ports: ObservedBridge['ports'], wanted: readonly Flow[] = []): ObservedFlows {
  const dumped = new DumpedFlows(ports, wanted);
  dumped.take(dump);
  return dumped.end();
}

/** The same of a dump that comes piece by piece, cut anywhere. */
export class DumpedFlows {
  private readonly ours = new Map<string, Readonly<{ actions: string; position: number }>>();
  private readonly foreign = new Set<string>();
  private readonly lostPorts = new Set<number>();
  /** Made for the first of our flows: often there is none. */
  private likely: ReadonlyMap<string, Flow> | null = null;
  private readonly names: ReadonlyMap<string, string>;
  private readonly named: (whole: string, field: string, number: string) => string;
  private begun = '';
  /** Whether any flow, whosever it is, copies packets to somebody. */
  copies = false;

  constructor(
    ports: ObservedBridge['ports'],
    private readonly wanted: readonly Flow[],
  ) {
    this.names = namesByNumber(ports);
    this.named = (_whole, field, number) => `${field}${this.names.get(number) ?? number}`;
  }

  take(text: string): void {
    const lines = (this.begun + text).split('\n');
    this.begun = lines.pop() ?? '';
    for (const line of lines) this.line(line);
  }

  end(): ObservedFlows {
    this.line(this.begun);
    this.begun = '';
    const { ours, foreign, lostPorts } = this;
    return { ours, foreign, lostPorts };
  }

  private line(line: string): void {
    if (!line.startsWith(' ')) return; // the reply's header, and the empty last line
    const found = /^ (?:cookie=(0x[0-9a-f]+), )?(.*?) ?actions=(.*)$/.exec(line);
    if (!found) throw new Error(`ovs-ofctl printed a line that is not a flow: ${line}`);
    const [, cookie = '0x0', numberedKey = '', numbered = ''] = found;
    const owner = readCookie(cookie);
    this.copies ||= numbered.includes(COPIES);
    if (owner.ours && owner.learned) return this.noteLost(numbered);
    const key = numberedKey.replace(IN_PORT, this.named);
    if (!owner.ours) {
      this.foreign.add(copyOf(key));
      return;
    }
    const actions = numbered.replace(OUTPUT, this.named);
    this.likely ??= new Map(this.wanted.map((each) => [each.key, each]));
    const flow = this.likely.get(key);
    if (flow?.actions === actions && flow.position === owner.position) this.ours.set(flow.key, flow);
    else this.ours.set(flow?.key ?? copyOf(key), { actions: copyOf(actions), position: owner.position });
  }

  private noteLost(actions: string): void {
    for (const [, , number = ''] of actions.matchAll(OUTPUT))
      if (!this.names.has(number)) this.lostPorts.add(Number(number));
  }
}

const IN_PORT = /\b(in_port=)(\d+)\b/g;
const OUTPUT = /\b(output:)(\d+)\b/g;

/** In flows of others. */
const RESUBMIT = /\b(resubmit\()(\d+)\b/g;

/** A dump (`--no-names`) of a bridge with these ports as `--names` prints it, but for actions that are rare (`enqueue`, `bundle`): their ports stay numbers. */
export function namedFlows(dump: string, ports: ObservedBridge['ports']): string {
  const names = namesByNumber(ports);
  const named = (_whole: string, field: string, number: string): string => `${field}${names.get(number) ?? number}`;
  return dump.replace(IN_PORT, named).replace(OUTPUT, named).replace(RESUBMIT, named);
}

/** As `--names` prints them. */
function namesByNumber(ports: ObservedBridge['ports']): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { name, ofport } of ports.values())
    if (ofport !== null) names.set(`${ofport}`, isFlowPort(name) ? portText(name) : JSON.stringify(name));
  return names;
}

/** A part of a text is a reference into it, which keeps the whole. */
const copyOf = (part: string): string => Buffer.from(part).toString();

/**
 * The input of `ovs-ofctl --bundle add-flows BRIDGE -`: one atomic change (OpenFlow 1.4, 7.3.9). Removals use our cookie mask, so an equal flow of others stays.
 * `ports`, of the bridge: those of them that have a number are written with it; a name that is left is refused under `--no-names`. Absent: all names stay.
 */
export function bundleText(step: FlowStep, ports?: ObservedBridge['ports']): string {
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
  const text = [...forget, ...toPorts, ...remove, ...add, ''].join('\n');
  return ports ? text.replace(NAMED_PORT, numbered(ports)) : text;
}

/** A port in a match or an action; not a field (`output:OXM_OF_IN_PORT[]`). */
const NAMED_PORT = /\b(in_port=|output:)(?:"([^"]+)"|([A-Za-z][A-Za-z0-9]*)(?=[,\s]|$))/g;

const numbered =
  (ports: ObservedBridge['ports']) =>
  (whole: string, field: string, quoted: string | undefined, bare = ''): string => {
    const ofport = ports.get(quoted ?? bare)?.ofport ?? null;
    return ofport === null ? whole : `${field}${ofport}`;
  };

/** Our flows have none; if somebody added one to a flow of ours, it must still be removed. */
const withoutTimeouts = (key: string): string => key.replace(/\b(?:idle_timeout|hard_timeout|importance)=\d+, ?/g, '');
